#pragma once
/*
 * The few compiler attributes and cleanup helpers that every file uses.
 * Knows nothing of the product.
 */
#include <stdlib.h>

#define MUST_CHECK        __attribute__((warn_unused_result))
#define PRINTF(fmt, args) __attribute__((format(printf, fmt, args)))
#define UNUSED            __attribute__((unused))
#define EXPORT            __attribute__((visibility("default")))
#define ARRAY_LEN(a)      (sizeof(a) / sizeof((a)[0]))

/* Runs fn(&variable) when the variable leaves its scope. */
#define AUTO(fn) __attribute__((cleanup(fn)))
/* Takes the pointer out of an AUTO variable, so that the scope no longer frees it. */
#define STEAL(p)                                                                                   \
    __extension__({                                                                                \
        __typeof__(p) steal_ = (p);                                                                \
        (p) = NULL;                                                                                \
        steal_;                                                                                    \
    })
/* Defines `name`, a cleanup for AUTO that calls free_fn unless the pointer is NULL. */
#define DEFINE_AUTO(type, name, free_fn)                                                           \
    static inline UNUSED void name(type *p)                                                        \
    {                                                                                              \
        if (*p)                                                                                    \
            (void)free_fn(*p);                                                                     \
    }

DEFINE_AUTO(char *, char_freep, free)
DEFINE_AUTO(unsigned char *, octets_freep, free)
