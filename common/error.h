#pragma once
/*
 * Errors: a reason out of the one table plus one bounded detail. The function that finds the error
 * sets the reason; callers on the way up may add context in front, never another reason.
 */
#include "common/macros.h"
#include "common/reason.h"

enum { ERROR_DETAIL_MAX = 240 }; /* one log line's worth: a path, a position and a value */

struct error {
    enum reason reason;
    char detail[ERROR_DETAIL_MAX]; /* always terminated; what does not fit ends in "..." */
};

/* Sets reason and detail; %m works. Returns false, so that a function can end with it. err may be
 * NULL. */
#define err_set(...) (err_set_detail(__VA_ARGS__), err_false())
/* Puts context in front of the detail: err_in(err, "crl %s", path) gives "crl x.pem: ...". Returns
 * false. */
#define err_in(...) (err_in_detail(__VA_ARGS__), err_false())

/* Behind the two macros, which let the compiler see the false: without that it believes that
 * outputs of a failed call may be used. */
void err_set_detail(struct error *err, enum reason reason, const char *fmt, ...) PRINTF(3, 4);
void err_in_detail(struct error *err, const char *fmt, ...) PRINTF(2, 3);
static inline bool err_false(void)
{
    return false;
}
