#pragma once
/*
 * Texts that thousands of sessions have in common, each kept once: names of services, rules,
 * cipher suites. Equal texts have equal pointers, so they may be compared as such.
 */
#include "common/bytes.h"

struct texts;

struct texts *texts_new(void);
struct texts *texts_free(struct texts *texts); /* accepts NULL, returns NULL */
/*
 * The one copy of these octets, terminated. Held until texts_drop; "" needs no drop, but takes one.
 */
const char *texts_hold(struct texts *texts, struct bytes octets);
/* Holds once more what texts_hold gave. */
const char *texts_again(const char *text);
void texts_drop(struct texts *texts, const char *text);
size_t texts_count(const struct texts *texts);
