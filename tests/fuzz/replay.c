/*
 * Runs a fuzz target over every file of a corpus directory, once: what libFuzzer found stays found
 * in builds without libFuzzer. A missing or empty directory is a failure, since a test that tests
 * nothing must not pass.
 */
#include <dirent.h>
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { INPUT_MAX = 1 << 20 }; /* libFuzzer's own default limit for a corpus file */

/* The copy has exactly the file's length, so that AddressSanitizer sees the first octet too many.
 */
static void run_one(const uint8_t *octets, size_t len)
{
    uint8_t *copy = malloc(len ? len : 1);

    if (!copy)
        abort();
    memcpy(copy, octets, len);
    LLVMFuzzerTestOneInput(copy, len);
    free(copy);
}

static int replay_file(const char *directory, const char *name, uint8_t *space)
{
    char path[4096];
    FILE *file;
    size_t len;

    if (snprintf(path, sizeof(path), "%s/%s", directory, name) >= (int)sizeof(path))
        return 0;
    file = fopen(path, "rb");
    if (!file) {
        fprintf(stderr, "%s: %s\n", path, strerror(errno));
        return 0;
    }
    len = fread(space, 1, INPUT_MAX, file);
    fclose(file);
    run_one(space, len);
    return 1;
}

/* How many files were run; 0 when the directory cannot be read. */
static int replay_directory(const char *directory, uint8_t *space)
{
    DIR *corpus = opendir(directory);
    int n = 0;

    if (!corpus) {
        fprintf(stderr, "%s: %s\n", directory, strerror(errno));
        return 0;
    }
    for (struct dirent *entry = readdir(corpus); entry; entry = readdir(corpus))
        if (entry->d_name[0] != '.')
            n += replay_file(directory, entry->d_name, space);
    closedir(corpus);
    return n;
}

int main(int argc, char **argv)
{
    uint8_t *space = malloc(INPUT_MAX);
    int n = 0;

    if (!space || argc < 2) {
        fprintf(stderr, "usage: %s CORPUS...\n", argc ? argv[0] : "replay");
        free(space);
        return 2;
    }
    for (int at = 1; at < argc; at++) {
        int in_this = replay_directory(argv[at], space);

        if (in_this == 0) {
            fprintf(stderr, "%s: no inputs\n", argv[at]);
            free(space);
            return 1;
        }
        n += in_this;
    }
    printf("%d inputs replayed\n", n);
    free(space);
    return 0;
}
