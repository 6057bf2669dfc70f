/*
 * A sorted list of errors. Runs where policy text is loaded.
 */
#include "policy/problems.h"

#include <stdarg.h>
#include <stdio.h>

void problems_add(struct problems *problems, size_t file, uint32_t line, const struct error *err)
{
    struct problem *problem;

    if (problems->found++ >= PROBLEMS_MAX)
        return;
    if (problems->n == problems->room) {
        problems->room = problems->room ? 2 * problems->room : 16;
        problems->at = reallocarray(problems->at, problems->room, sizeof(*problems->at));
        if (!problems->at)
            abort();
    }
    problem = &problems->at[problems->n];
    *problem = (struct problem){.file = file, .sequence = problems->n, .line = line, .err = *err};
    problems->n++;
}

void problems_say(struct problems *problems, size_t file, uint32_t line, enum reason reason,
                  const char *fmt, ...)
{
    char detail[ERROR_DETAIL_MAX];
    struct error err;
    va_list args;

    va_start(args, fmt);
    if (vsnprintf(detail, sizeof(detail), fmt, args) < 0)
        detail[0] = '\0';
    va_end(args);
    (void)err_set(&err, reason, "%s", detail);
    problems_add(problems, file, line, &err);
}

static int compare(const void *a, const void *b)
{
    const struct problem *left = a, *right = b;

    if (left->file != right->file)
        return left->file < right->file ? -1 : 1;
    if (left->line != right->line)
        return left->line < right->line ? -1 : 1;
    return left->sequence < right->sequence ? -1 : 1;
}

void problems_tell(struct problems *problems, const struct policy_file *files,
                   const struct policy_errors *errors)
{
    if (problems->n == 0 || !errors || !errors->found)
        return;
    qsort(problems->at, problems->n, sizeof(*problems->at), compare);
    for (size_t i = 0; i < problems->n; i++) {
        const struct problem *problem = &problems->at[i];

        errors->found(errors->context, files[problem->file].name, problem->line, &problem->err);
    }
}

void problems_clear(struct problems *problems)
{
    free(problems->at);
    *problems = (struct problems){.at = NULL};
}
