/*
 * The parser of /etc/passwd and /etc/group, for the two columns that both have at the same place.
 * Runs in decide and directory. The files are root's; a line that nobody can read as an account
 * still keeps its name from the directory.
 */
#include "ldap/local_names.h"

#include "ldap/memory.h"

#include <strings.h>

struct local_names {
    bool known;
    uint8_t *file; /* what the names point into */
    size_t file_len;
    struct bytes *names; /* sorted */
    size_t n_names;
    uint32_t *ids; /* sorted */
    size_t n_ids;
};

static int compare_names(const void *a, const void *b)
{
    const struct bytes *one = a, *two = b;
    size_t len = one->len < two->len ? one->len : two->len;
    int order = strncasecmp((const char *)one->at, (const char *)two->at, len);

    return order ? order : (one->len > two->len) - (one->len < two->len);
}

static int compare_ids(const void *a, const void *b)
{
    const uint32_t *one = a, *two = b;

    return (*one > *two) - (*one < *two);
}

/* --- lines --- */

/* Cuts off what stands before the next `end`. */
static struct bytes cut(struct bytes *rest, char end)
{
    const uint8_t *at = rest->len ? memchr(rest->at, end, rest->len) : NULL;
    size_t len = at ? (size_t)(at - rest->at) : rest->len;
    struct bytes part = {rest->at, len};

    rest->at += at ? len + 1 : len;
    rest->len -= at ? len + 1 : len;
    return part;
}

/* As glibc reads ids: zeros may lead. */
static bool parse_id(struct bytes text, uint32_t *ret_id)
{
    uint64_t id = 0;

    for (size_t i = 0; i < text.len; i++) {
        if (text.at[i] < '0' || text.at[i] > '9')
            return false;
        id = id * 10 + (uint64_t)(text.at[i] - '0');
        if (id > UINT32_MAX)
            return false;
    }
    *ret_id = (uint32_t)id;
    return text.len > 0;
}

/* name:anything:id[:anything] */
static void add_line(struct local_names *names, struct bytes line)
{
    struct bytes name;

    while (line.len > 0 && (line.at[0] == ' ' || line.at[0] == '\t')) {
        line.at++;
        line.len--;
    }
    name = cut(&line, ':');
    if (name.len == 0)
        return;
    names->names[names->n_names++] = name;
    (void)cut(&line, ':');
    if (parse_id(cut(&line, ':'), &names->ids[names->n_ids]))
        names->n_ids++;
}

static size_t count_lines(struct bytes file)
{
    size_t n = 1;

    for (size_t i = 0; i < file.len; i++)
        n += file.at[i] == '\n';
    return n;
}

static struct local_names *parse(struct bytes file)
{
    struct local_names *names = local_names_new();
    size_t lines = count_lines(file);
    struct bytes rest;

    names->file = (uint8_t *)memory_text(file);
    names->file_len = file.len;
    names->names = memory_new(lines, sizeof(names->names[0]));
    names->ids = memory_new(lines, sizeof(names->ids[0]));
    rest = (struct bytes){names->file, file.len};
    while (rest.len > 0)
        add_line(names, cut(&rest, '\n'));
    qsort(names->names, names->n_names, sizeof(names->names[0]), compare_names);
    qsort(names->ids, names->n_ids, sizeof(names->ids[0]), compare_ids);
    names->known = names->n_names > 0;
    return names;
}

/* --- the object --- */

struct local_names *local_names_new(void)
{
    return memory_new(1, sizeof(struct local_names));
}

static void clear(struct local_names *names)
{
    free(names->file);
    free(names->names);
    free(names->ids);
}

struct local_names *local_names_free(struct local_names *names)
{
    if (names)
        clear(names);
    free(names);
    return NULL;
}

bool local_names_set(struct local_names *names, struct bytes file, bool *ret_changed,
                     struct error *err)
{
    AUTO(local_names_freep) struct local_names *fresh = NULL;
    struct local_names before = *names;

    if (file.len > LOCAL_NAMES_FILE_MAX)
        return err_set(err, REASON_FILE_TOO_LARGE, "more than %d octets", LOCAL_NAMES_FILE_MAX);
    if (names->known && bytes_equal(file, (struct bytes){names->file, names->file_len})) {
        *ret_changed = false;
        return true;
    }
    fresh = parse(file);
    if (!fresh->known)
        return err_set(err, REASON_FILE_EMPTY, "nobody is in it");
    *names = *fresh;
    *fresh = before; /* freed with it */
    *ret_changed = true;
    return true;
}

bool local_names_known(const struct local_names *names)
{
    return !names || names->known;
}

bool local_names_has(const struct local_names *names, struct bytes name)
{
    if (!names || !names->known)
        return names != NULL;
    if (name.len == 0)
        return false;
    return bsearch(&name, names->names, names->n_names, sizeof(names->names[0]), compare_names);
}

bool local_names_has_id(const struct local_names *names, uint32_t id)
{
    if (!names || !names->known)
        return names != NULL;
    return bsearch(&id, names->ids, names->n_ids, sizeof(names->ids[0]), compare_ids);
}
