/*
 * Runs golden policy cases: run_policy_cases [--print] FILE.case|DIRECTORY... A case is a text of
 * blocks, each begun by a line "--- KIND ...":
 *
 *   --- world              lines "service NAME [pam]" and "ca NAME"
 *   --- policy FILE        the text of one policy file
 *   --- errors             expected errors of the load, one a line; left out when it must load
 *   --- request TITLE      lines "FACT = value, value" or "FACT unknown|absent|later", "now TIME",
 *                          "clock unsure"; the address goes into networks
 *   --- decision           expected decision and explanation of the request before
 *
 * The program writes the case again with what it found; the case holds when both texts are equal.
 * --print shows the new text, to start a case or to change many after a look at each. Each decision
 * is also made by the decoded set and must be the same. --seeds DIRECTORY writes each set that
 * loads and the text of each policy, for the corpora of tests/fuzz.
 */
#include "common/text.h"
#include "policy/policy.h"

#include <dirent.h>
#include <stdio.h>
#include <string.h>

enum { CASE_MAX = 1 << 20, FILES_MAX = 8, NAMES_MAX = 32, VALUES_MAX = 32 };

struct world {
    char *services[NAMES_MAX];
    bool confirmed[NAMES_MAX];
    char *cas[NAMES_MAX];
    struct policy_world policy;
};

struct run {
    struct world world;
    struct policy_file files[FILES_MAX];
    size_t n_files;
    struct policy_set *set, *decoded;
    bool loaded;      /* a load was tried since the last policy block */
    const char *name; /* of the case */
    size_t n_loads;
    struct writer out;
};

static void hear(void *context, const char *file, uint32_t line, const struct error *err)
{
    struct run *run = context;

    writer_printf(&run->out, "%s:%u: %s: %s\n", file, (unsigned)line, reason_name(err->reason),
                  err->detail);
}

/* The next line of *text as a C string of its own, or NULL; the octets are changed. */
static char *next_line(char **text)
{
    char *line = *text, *end;

    if (!line || !*line)
        return NULL;
    end = strchr(line, '\n');
    *text = end ? end + 1 : NULL;
    if (end)
        *end = '\0';
    return line;
}

/* The octets of the last zone asked for. */
static bool zone_of(void *context, const char *name, struct bytes *ret_tzif)
{
    static uint8_t octets[64 * 1024];
    char path[256];
    FILE *file;

    (void)context;
    (void)snprintf(path, sizeof(path), "/usr/share/zoneinfo/%s", name);
    file = fopen(path, "re");
    if (!file)
        return false;
    *ret_tzif = (struct bytes){octets, fread(octets, 1, sizeof(octets), file)};
    fclose(file);
    return true;
}

static void read_world(struct run *run, char *body)
{
    struct world *world = &run->world;

    *world = (struct world){.policy = {.n_services = 0}};
    for (char *line = next_line(&body); line; line = next_line(&body)) {
        char *pam = strstr(line, " pam");

        if (strncmp(line, "ca ", 3) == 0 && world->policy.n_cas < NAMES_MAX)
            world->cas[world->policy.n_cas++] = line + 3;
        if (strncmp(line, "service ", 8) != 0 || world->policy.n_services == NAMES_MAX)
            continue;
        if (pam)
            *pam = '\0';
        world->services[world->policy.n_services] = line + 8;
        world->confirmed[world->policy.n_services++] = pam != NULL;
    }
    world->policy.services = (const char *const *)world->services;
    world->policy.confirmed = world->confirmed;
    world->policy.cas = (const char *const *)world->cas;
    world->policy.zone = zone_of;
}

static void reset(struct run *run)
{
    run->set = policy_free(run->set);
    run->decoded = policy_free(run->decoded);
    run->loaded = false;
}

static const char *seeds; /* NULL: none are written */

static void write_seed(const struct run *run, const char *target, struct bytes octets)
{
    const char *slash = strrchr(run->name, '/'), *name = slash ? slash + 1 : run->name;
    char path[4096];
    FILE *file;

    if (!seeds)
        return;
    (void)snprintf(path, sizeof(path), "%s/%s/%.*s-%zu", seeds, target, (int)strcspn(name, "."),
                   name, run->n_loads);
    file = fopen(path, "we");
    if (!file || fwrite(octets.at, 1, octets.len, file) != octets.len)
        fprintf(stderr, "%s: %m\n", path);
    if (file)
        fclose(file);
}

/* Loads before the first block that needs the set; errors become a block of the new text. */
static void load(struct run *run)
{
    const struct policy_errors errors = {hear, run};
    AUTO(writer_clear) struct writer octets = writer_new(CASE_MAX);
    size_t before = run->out.len;
    struct error err = {.detail = ""};

    if (run->loaded)
        return;
    run->loaded = true;
    run->n_loads++;
    if (run->n_files == 1)
        write_seed(run, "policy_text", run->files[0].text);
    writer_text(&run->out, "--- errors\n");
    if (!policy_load(run->files, run->n_files, &run->world.policy, &errors, &run->set))
        return;
    run->out.len = before; /* no errors, no block */
    policy_encode(run->set, &octets);
    write_seed(run, "policy_decode", writer_bytes(&octets));
    if (!policy_decode(writer_bytes(&octets), &run->decoded, &err))
        writer_printf(&run->out, "NOT DECODED: %s\n", err.detail);
}

struct asked {
    struct policy_request request;
    const char *values[POLICY_FACT__COUNT][VALUES_MAX];
};

static void ask_values(struct asked *asked, enum policy_fact_id id, char *list)
{
    struct policy_fact *fact = &asked->request.facts[id];
    char *rest = list;

    fact->state = POLICY_PRESENT;
    fact->values = asked->values[id];
    for (char *value = strsep(&rest, ","); value; value = strsep(&rest, ",")) {
        value += strspn(value, " ");
        if (*value && fact->n_values < VALUES_MAX)
            asked->values[id][fact->n_values++] = value;
    }
    if (id == POLICY_FACT_NETWORKS && fact->n_values == 1 &&
        !address_parse(bytes_of(fact->values[0]), &asked->request.source, NULL))
        fact->state = POLICY_UNKNOWN;
}

static void ask_fact(struct asked *asked, enum policy_fact_id id, char *rest)
{
    static const enum policy_fact_state states[] = {POLICY_UNKNOWN, POLICY_ABSENT, POLICY_LATER};

    if (rest[0] == '=') {
        ask_values(asked, id, rest + 1);
        return;
    }
    for (size_t i = 0; i < ARRAY_LEN(states); i++)
        if (strcmp(rest, policy_fact_state_name(states[i])) == 0)
            asked->request.facts[id].state = states[i];
}

static void read_request(struct asked *asked, char *body)
{
    *asked = (struct asked){.request = {.now_s = 0}};
    for (char *line = next_line(&body); line; line = next_line(&body)) {
        char *rest = strchr(line, ' ');

        if (!rest)
            continue;
        *rest++ = '\0';
        if (strcmp(line, "now") == 0)
            (void)text_time_s(bytes_of(rest), &asked->request.now_s);
        else if (strcmp(line, "clock") == 0)
            asked->request.clock_unsure = true;
        else
            for (size_t i = 0; i < POLICY_FACT__COUNT; i++)
                if (strcmp(line, policy_fact_name((enum policy_fact_id)i)) == 0)
                    ask_fact(asked, (enum policy_fact_id)i, rest);
    }
}

static void print_decision(struct writer *out, const struct policy_decision *decision)
{
    static const char *const verdicts[] = {"deny", "allow", "provisional"};
    const char *separator = "tested ";
    char time[32];

    writer_printf(out, "%s, %s", verdicts[decision->verdict], reason_name(decision->reason));
    if (decision->rule[0])
        writer_printf(out, ", rule \"%s\" of %s:%u", decision->rule, decision->file,
                      (unsigned)decision->line);
    writer_text(out, "\n");
    if (decision->shadow_verdict != decision->verdict)
        writer_printf(out, "with shadow rules %s%s%s%s\n", verdicts[decision->shadow_verdict],
                      decision->shadow_rule[0] ? ", rule \"" : "", decision->shadow_rule,
                      decision->shadow_rule[0] ? "\"" : "");
    if (decision->message[0])
        writer_printf(out, "message %s\n", decision->message);
    if (decision->valid_until_s != INT64_MAX) {
        text_format_time_ms(decision->valid_until_s * 1000, time);
        writer_printf(out, "valid until %.19sZ\n", time);
    }
    for (size_t i = 0; i < POLICY_FACT__COUNT; i++) {
        if (!(decision->tested & POLICY_FACT_BIT(i)))
            continue;
        writer_printf(out, "%s%s", separator, policy_fact_name((enum policy_fact_id)i));
        separator = ", ";
    }
    writer_text(out, decision->tested ? "\n" : "");
    for (size_t i = 0; i < decision->n_misses; i++)
        writer_printf(out, "miss \"%s\" of %s:%u: %s\n", decision->misses[i].rule,
                      decision->misses[i].file, (unsigned)decision->misses[i].line,
                      decision->misses[i].detail);
}

static void answer(struct run *run, char *body)
{
    struct policy_decision decision, again;
    AUTO(writer_clear) struct writer second = writer_new(CASE_MAX);
    struct asked asked;
    size_t start;

    read_request(&asked, body);
    policy_evaluate(run->set, &asked.request, &decision);
    policy_evaluate(run->decoded, &asked.request, &again);
    writer_text(&run->out, "--- decision\n");
    start = run->out.len;
    print_decision(&run->out, &decision);
    print_decision(&second, &again);
    if (!bytes_equal(writer_bytes(&second),
                     (struct bytes){run->out.at + start, run->out.len - start}))
        writer_text(&run->out, "THE DECODED SET DECIDES OTHERWISE\n");
}

static void add_policy(struct run *run, char *name, const char *body)
{
    if (run->loaded) { /* a new set begins */
        reset(run);
        run->n_files = 0;
    }
    if (run->n_files < FILES_MAX)
        run->files[run->n_files++] = (struct policy_file){name, bytes_of(body)};
}

/* One block; body is the text up to the next one. Result blocks are written anew, not read. */
static void run_block(struct run *run, char *head, char *body)
{
    bool is_request = strncmp(head, "--- request", 11) == 0;

    if (strcmp(head, "--- decision") == 0 || strcmp(head, "--- errors") == 0)
        return;
    if (is_request)
        load(run);
    writer_printf(&run->out, "%s\n%s%s", head, body, *body ? "\n" : "");
    if (strcmp(head, "--- world") == 0)
        read_world(run, body);
    else if (strncmp(head, "--- policy ", 11) == 0)
        add_policy(run, head + 11, body);
    else if (is_request && run->set)
        answer(run, body);
}

/* Ends the text at the line before the next block and returns the head of that block, or NULL. */
static char *cut(char *text)
{
    char *head = strncmp(text, "--- ", 4) == 0 ? text : strstr(text, "\n--- ");

    if (!head || head == text)
        return head;
    *head = '\0';
    return head + 1;
}

/* The text is cut to pieces, which live as long as it does. */
static void run_text(struct run *run, char *text)
{
    char *at = cut(text);

    if (at != text)
        writer_printf(&run->out, "%s\n", text);
    while (at) {
        char nothing[] = "", *body = strchr(at, '\n'), *next;

        if (!body)
            break;
        *body++ = '\0';
        next = cut(body);
        run_block(run, at, next == body ? nothing : body);
        at = next;
    }
    load(run);
}

static bool run_case(const char *path, bool print)
{
    static char text[CASE_MAX], work[CASE_MAX];
    struct run run = {.out = writer_new(CASE_MAX), .name = path};
    FILE *file = fopen(path, "re");
    size_t len;
    bool same;

    if (!file) {
        fprintf(stderr, "%s: %m\n", path);
        return false;
    }
    len = fread(text, 1, sizeof(text) - 1, file);
    fclose(file);
    text[len] = '\0';
    memcpy(work, text, len + 1);
    if (len > 0 && work[len - 1] == '\n')
        work[len - 1] = '\0';
    run_text(&run, work);
    same = bytes_equal(writer_bytes(&run.out), bytes_of(text));
    if (print)
        fwrite(run.out.at, 1, run.out.len, stdout);
    else if (!same)
        printf("%s does not hold. What it should be by the program:\n%.*s\n", path,
               (int)run.out.len, (const char *)run.out.at);
    reset(&run);
    writer_clear(&run.out);
    return same;
}

static int only_cases(const struct dirent *entry)
{
    const char *dot = strrchr(entry->d_name, '.');

    return dot && strcmp(dot, ".case") == 0;
}

/* Counts in ran and held. */
static void run_path(const char *path, bool print, size_t *ran, size_t *held)
{
    struct dirent **entries;
    int n = scandir(path, &entries, only_cases, alphasort);

    if (n < 0) {
        ++*ran;
        *held += run_case(path, print);
        return;
    }
    for (int i = 0; i < n; i++) {
        char name[4096];

        (void)snprintf(name, sizeof(name), "%s/%s", path, entries[i]->d_name);
        ++*ran;
        *held += run_case(name, print);
        free(entries[i]);
    }
    free(entries);
}

int main(int argc, char **argv)
{
    bool print = argc > 1 && strcmp(argv[1], "--print") == 0;
    size_t ran = 0, held = 0;
    int first = print ? 2 : 1;

    if (argc > 2 && strcmp(argv[1], "--seeds") == 0) {
        seeds = argv[2];
        first = 3;
    }
    for (int i = first; i < argc; i++)
        run_path(argv[i], print, &ran, &held);
    if (!print)
        printf("%zu of %zu policy cases hold\n", held, ran);
    return ran > 0 && (print || held == ran) ? 0 : 1;
}
