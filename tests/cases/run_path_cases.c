/*
 * Runs path cases: run_path_cases [--keep DIRECTORY] FILE.case|DIRECTORY... Each case builds
 * certificates and revocation lists from lines, gives them to the code that load and the edges run,
 * and says what must come out. `#` begins a comment; a value with spaces stands in double quotes.
 *
 *   case TITLE             begins a case; the title names the rule
 *   section NAME A=B ...   a section of OpenSSL's extension syntax, for values that refer to one
 *   ca NAME [< ISSUER] ... a certificate of an authority; without an issuer an anchor
 *   leaf NAME < ISSUER ... a client's certificate
 *   crl NAME < ISSUER ...  a revocation list
 *   anchors|helpers|present|lists NAME...  instead of: roots, none, the last leaf and the other
 *                          authorities (latest first), all lists. "present" leaf first
 *   set OPTION=VALUE ...   revocation (require once there is a list), eku, policies, depth, grace,
 *                          at (2026-07-01), server
 *   remember               the set of files is in force from here on, when the next ones are read
 *   expect REASON [DEPTH]  the verdict, and which certificate broke the rule
 *   expect load REASON     the set of files is refused
 *   warned REASON          the expectation before it came with this warning of the load
 *   noted eku              ... with the note that clientAuth is missing
 *
 * The words after ISSUER are in path_certificate.c and path_list.c.
 */
#include "tests/cases/path_maker.h"

#include "gatewayd/shared/verify.h"

#include "common/text.h"
#include "gatewayd/shared/trust_build.h"

#include <dirent.h>
#include <openssl/pem.h>
#include <stdio.h>
#include <string.h>

enum {
    CASE_FILE_MAX = 1 << 20,
    NAMES_MAX = 24,
    WARNINGS_MAX = 16,
    TITLE_MAX = 160,
    SET_MAX = 8 << 20
};

struct names {
    char *at[NAMES_MAX];
    size_t n;
    bool given;
};

struct options {
    const char *revocation, *eku, *at;
    const char *policies[NAMES_MAX];
    size_t n_policies;
    int64_t depth, grace_s;
    bool server;
};

struct heard {
    enum reason stop; /* the first one; OK: none */
    enum reason warnings[WARNINGS_MAX];
    size_t n_warnings;
    char detail[256];
};

struct run {
    const char *file, *keep;
    char title[TITLE_MAX];
    struct path_world world;
    struct names anchors, helpers, present, lists;
    struct options options;
    struct heard heard;
    struct verify_result result;
    struct writer sections, in_force_octets;
    struct trust *in_force;
    unsigned cases, passed, refused, failed;
    bool expects;
};

/* --- the set of files ------------------------------------------------------------------------- */

static void hear(void *context, const char *file, bool stops, const struct error *err)
{
    struct heard *heard = context;

    (void)file;
    (void)snprintf(heard->detail, sizeof(heard->detail), "%s", err->detail);
    if (stops && heard->stop == REASON_OK)
        heard->stop = err->reason;
    else if (!stops && heard->n_warnings < WARNINGS_MAX)
        heard->warnings[heard->n_warnings++] = err->reason;
}

static void put_pem(struct writer *out, const char *label, const struct path_object *object)
{
    BIO *bio = BIO_new(BIO_s_mem());
    char *text;
    long len;

    PEM_write_bio(bio, label, "", object->der, (long)object->der_len);
    len = BIO_get_mem_data(bio, &text);
    writer_put(out, (struct bytes){(uint8_t *)text, (size_t)len});
    BIO_free(bio);
}

static struct path_object *object_of(struct run *run, const char *name)
{
    struct path_object *object = path_find(&run->world, name);

    if (!object)
        path_stop("no such object", name);
    return object;
}

static bool is_default_anchor(const struct path_object *object)
{
    return strcmp(object->kind, "ca") == 0 && object->is_root;
}

static void put_anchors(struct run *run, struct writer *out)
{
    for (size_t i = 0; i < run->anchors.n; i++)
        put_pem(out, "CERTIFICATE", object_of(run, run->anchors.at[i]));
    for (size_t i = 0; !run->anchors.given && i < run->world.n; i++)
        if (is_default_anchor(&run->world.objects[i]))
            put_pem(out, "CERTIFICATE", &run->world.objects[i]);
}

static size_t add_lists(struct run *run, struct trust_build *build)
{
    size_t n = 0;

    for (size_t i = 0; i < run->world.n; i++) {
        const struct path_object *object = &run->world.objects[i];
        bool wanted = strcmp(object->kind, "crl") == 0 && !run->lists.given;

        for (size_t k = 0; k < run->lists.n; k++)
            wanted = wanted || strcmp(run->lists.at[k], object->name) == 0;
        if (!wanted)
            continue;
        trust_build_crl(build, 0, object->name, (struct bytes){object->der, object->der_len});
        n++;
    }
    return n;
}

static int64_t revocation_of(const char *word, bool has_lists)
{
    if (!word)
        return has_lists ? CONFIG_REVOCATION_REQUIRE : CONFIG_REVOCATION_OFF;
    if (strcmp(word, "off") == 0)
        return CONFIG_REVOCATION_OFF;
    return strcmp(word, "require") == 0 ? CONFIG_REVOCATION_REQUIRE : CONFIG_REVOCATION_IF_PRESENT;
}

static bool has_lists(const struct run *run)
{
    for (size_t i = 0; !run->lists.given && i < run->world.n; i++)
        if (strcmp(run->world.objects[i].kind, "crl") == 0)
            return true;
    return run->lists.n > 0;
}

static bool build_set(struct run *run, struct writer *out)
{
    const struct trust_errors errors = {.found = hear, .context = &run->heard};
    struct config_ca ca = {.title = "cases",
                           .anchors = "anchors.pem",
                           .revocation = revocation_of(run->options.revocation, has_lists(run)),
                           .crl_grace = run->options.grace_s,
                           .max_depth = run->options.depth,
                           .eku = run->options.eku,
                           .policies = {.at = run->options.policies, .n = run->options.n_policies}};
    struct config config = {.ca = &ca, .n_ca = 1};
    AUTO(writer_clear) struct writer anchors = writer_new(SET_MAX), helpers = writer_new(SET_MAX);
    AUTO(trust_build_freep) struct trust_build *build = trust_build_new(&config, &errors);

    run->heard = (struct heard){.stop = REASON_OK};
    put_anchors(run, &anchors);
    for (size_t i = 0; i < run->helpers.n; i++)
        put_pem(&helpers, "CERTIFICATE", object_of(run, run->helpers.at[i]));
    trust_build_anchors(build, 0, "anchors.pem", writer_bytes(&anchors));
    if (run->helpers.n > 0)
        trust_build_intermediates(build, 0, "helpers.pem", writer_bytes(&helpers));
    (void)add_lists(run, build);
    if (run->in_force)
        trust_build_in_force(build, run->in_force);
    return trust_build_finish(build, path_day(run->options.at), out);
}

/* --- the verdict ------------------------------------------------------------------------------ */

static size_t presented(struct run *run, struct bytes *ret_all)
{
    const struct path_object *leaf = NULL;
    size_t n = 0;

    for (size_t i = 0; i < run->present.n; i++) {
        const struct path_object *object = object_of(run, run->present.at[i]);

        ret_all[n++] = (struct bytes){object->der, object->der_len};
    }
    for (size_t i = run->world.n; !run->present.given && i-- > 0;)
        if (!leaf && strcmp(run->world.objects[i].kind, "leaf") == 0)
            leaf = &run->world.objects[i];
    if (leaf)
        ret_all[n++] = (struct bytes){leaf->der, leaf->der_len};
    for (size_t i = run->world.n; leaf && i-- > 0;) {
        const struct path_object *object = &run->world.objects[i];

        if (strcmp(object->kind, "ca") == 0 && !object->is_root)
            ret_all[n++] = (struct bytes){object->der, object->der_len};
    }
    return n;
}

static bool judge(struct run *run)
{
    AUTO(writer_clear) struct writer octets = writer_new(SET_MAX);
    AUTO(trust_freep) struct trust *trust = NULL;
    AUTO(verify_freep) struct verify *verify = NULL;
    struct bytes chain[PATH_OBJECTS_MAX];
    const size_t first = 0;
    struct verify_request request = {.now_s = path_day(run->options.at),
                                     .cas = &first,
                                     .n_cas = 1,
                                     .server = run->options.server};
    struct error err;

    if (!build_set(run, &octets))
        return false;
    if (!trust_decode(writer_bytes(&octets), &trust, &err) || !verify_new(trust, &verify, &err))
        path_stop("the set is unusable", err.detail);
    verify_chain(verify, &request, chain, presented(run, chain), &run->result);
    return true;
}

static void forget(struct run *run)
{
    run->in_force = trust_free(run->in_force);
    writer_reset(&run->in_force_octets);
}

static void remember(struct run *run)
{
    AUTO(writer_clear) struct writer octets = writer_new(SET_MAX);
    struct error err;

    if (!build_set(run, &octets))
        path_stop("the set to remember is unusable", run->heard.detail);
    forget(run);
    writer_put(&run->in_force_octets, writer_bytes(&octets));
    if (!trust_decode(writer_bytes(&run->in_force_octets), &run->in_force, &err))
        path_stop("the set to remember is unusable", err.detail);
}

static void tell(struct run *run, const char *wanted, const char *found)
{
    run->failed++;
    (void)printf("FAILED %s: %s: wanted %s, found %s (%s)\n", run->file, run->title, wanted, found,
                 run->heard.stop == REASON_OK ? run->result.detail : run->heard.detail);
}

static void expect(struct run *run, const struct path_line *line)
{
    bool of_load = line->n == 3 && strcmp(line->words[1], "load") == 0;
    const char *wanted = line->words[of_load ? 2 : 1];
    char text[96], found[96];
    bool built = judge(run);
    enum reason reason = built ? run->result.reason : run->heard.stop;

    run->expects = true;
    run->cases++;
    run->refused += reason != REASON_OK;
    (void)snprintf(text, sizeof(text), "%s%s", of_load ? "load " : "", wanted);
    (void)snprintf(found, sizeof(found), "%s%s", built ? "" : "load ", reason_name(reason));
    if (!of_load && line->n == 3) {
        (void)snprintf(text, sizeof(text), "%s %s", wanted, line->words[2]);
        (void)snprintf(found, sizeof(found), "%s %d", reason_name(reason), run->result.depth);
    }
    if (strcmp(text, found) != 0)
        tell(run, text, found);
    else if (built && reason != REASON_OK && (!run->result.detail[0] || run->result.alert == 0))
        tell(run, "a detail and an alert", "none");
    else
        run->passed++;
}

static void warned(struct run *run, const struct path_line *line)
{
    for (size_t i = 0; line->n == 2 && i < run->heard.n_warnings; i++)
        if (strcmp(reason_name(run->heard.warnings[i]), line->words[1]) == 0)
            return;
    tell(run, line->n == 2 ? line->words[1] : "a warning", "no such warning");
}

static void noted(struct run *run, const struct path_line *line)
{
    (void)line;
    if (!run->result.eku_lacks)
        tell(run, "a note about the extended key usage", "none");
}

/* --- lines ------------------------------------------------------------------------------------ */

static void take_names(struct names *names, const struct path_line *line)
{
    *names = (struct names){.given = true};
    for (size_t i = 1; i < line->n && names->n < NAMES_MAX; i++)
        names->at[names->n++] = line->words[i];
}

static void set_policies(struct run *run, const char *text)
{
    char *rest = (char *)(uintptr_t)text;

    run->options.n_policies = 0;
    for (char *one = strsep(&rest, ","); one; one = strsep(&rest, ","))
        if (*one && run->options.n_policies < NAMES_MAX)
            run->options.policies[run->options.n_policies++] = one;
}

static void set(struct run *run, const struct path_line *line)
{
    struct options *options = &run->options;
    const char *policies = path_value(line, "policies", NULL);
    const char *depth = path_value(line, "depth", NULL), *grace = path_value(line, "grace", NULL);

    options->revocation = path_value(line, "revocation", options->revocation);
    options->eku = path_value(line, "eku", options->eku);
    options->at = path_value(line, "at", options->at);
    if (policies)
        set_policies(run, policies);
    if (depth)
        options->depth = atoi(depth);
    if (grace)
        options->grace_s = atoi(grace);
    if (path_value(line, "server", NULL))
        options->server = true;
}

/* Sections are kept as text, read again by OpenSSL with each new one. */
static void section(struct run *run, const struct path_line *line)
{
    BIO *bio;
    long bad_line;

    writer_printf(&run->sections, "[%s]\n", line->words[1]);
    for (size_t i = 2; i < line->n; i++)
        writer_printf(&run->sections, "%s\n", line->words[i]);
    bio = BIO_new_mem_buf(writer_bytes(&run->sections).at, (int)run->sections.len);
    NCONF_free(run->world.sections);
    run->world.sections = NCONF_new(NULL);
    if (NCONF_load_bio(run->world.sections, bio, &bad_line) != 1)
        path_stop("no section", line->words[1]);
    BIO_free(bio);
}

static void end_case(struct run *run)
{
    if (run->keep)
        path_keep(&run->world, run->keep, run->cases);
    forget(run);
    if (run->title[0] && !run->expects)
        tell(run, "an expectation", "none");
    path_clear(&run->world);
    run->world.sections = NCONF_new(NULL); /* some extensions want one, be it empty */
    writer_reset(&run->sections);
    run->anchors = run->helpers = run->present = run->lists = (struct names){.n = 0};
    run->options = (struct options){.eku = "strict", .at = "2026-07-01", .depth = 6};
    run->result = (struct verify_result){.reason = REASON_OK};
    run->expects = false;
    run->title[0] = '\0';
}

static void obey(struct run *run, const struct path_line *line)
{
    const char *word = line->words[0];

    if (strcmp(word, "ca") == 0 || strcmp(word, "leaf") == 0)
        path_make_certificate(&run->world, line);
    else if (strcmp(word, "crl") == 0)
        path_make_list(&run->world, line);
    else if (strcmp(word, "section") == 0 && line->n >= 2)
        section(run, line);
    else if (strcmp(word, "anchors") == 0)
        take_names(&run->anchors, line);
    else if (strcmp(word, "helpers") == 0)
        take_names(&run->helpers, line);
    else if (strcmp(word, "present") == 0)
        take_names(&run->present, line);
    else if (strcmp(word, "lists") == 0)
        take_names(&run->lists, line);
    else if (strcmp(word, "set") == 0)
        set(run, line);
    else if (strcmp(word, "remember") == 0)
        remember(run);
    else if (strcmp(word, "expect") == 0 && line->n >= 2)
        expect(run, line);
    else if (strcmp(word, "warned") == 0)
        warned(run, line);
    else if (strcmp(word, "noted") == 0)
        noted(run, line);
    else
        path_stop("no such line", word);
}

static void run_text(struct run *run, char *text)
{
    char *rest = text;

    end_case(run);
    for (char *at = strsep(&rest, "\n"); at; at = strsep(&rest, "\n")) {
        struct path_line line;

        if (strncmp(at, "case ", 5) == 0) {
            end_case(run);
            (void)snprintf(run->title, sizeof(run->title), "%s", at + 5);
            continue;
        }
        path_split(at, &line);
        if (line.n > 0)
            obey(run, &line);
    }
    end_case(run);
}

static void run_file(struct run *run, const char *path)
{
    FILE *file = fopen(path, "re");
    char *text = calloc(1, CASE_FILE_MAX + 1);

    if (!file || fread(text, 1, CASE_FILE_MAX, file) == CASE_FILE_MAX)
        path_stop("unreadable or too long", path);
    (void)fclose(file);
    run->file = path;
    run_text(run, text);
    free(text);
}

static int is_case(const struct dirent *entry)
{
    size_t len = strlen(entry->d_name);

    return len > 5 && strcmp(entry->d_name + len - 5, ".case") == 0;
}

static void run_path(struct run *run, const char *path)
{
    struct dirent **entries;
    int n = scandir(path, &entries, is_case, alphasort);
    char file[4096];

    if (n < 0)
        run_file(run, path);
    for (int i = 0; i < n; i++) {
        (void)snprintf(file, sizeof(file), "%s/%s", path, entries[i]->d_name);
        run_file(run, file);
        free(entries[i]);
    }
    if (n >= 0)
        free(entries);
}

int main(int argc, char **argv)
{
    struct run run = {.sections = writer_new(CASE_FILE_MAX),
                      .in_force_octets = writer_new(SET_MAX)};

    if (argc > 2 && strcmp(argv[1], "--keep") == 0)
        run.keep = argv[2];
    for (int i = run.keep ? 3 : 1; i < argc; i++)
        run_path(&run, argv[i]);
    path_clear(&run.world);
    writer_clear(&run.sections);
    writer_clear(&run.in_force_octets);
    (void)printf("%u verdicts, %u of them refusals\n%u passed, %u failed\n", run.cases, run.refused,
                 run.passed, run.failed);
    return run.failed == 0 && run.passed > 0 ? 0 : 1;
}
