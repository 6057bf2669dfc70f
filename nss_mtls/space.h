#pragma once
/*
 * The caller's buffer: text and pointers are laid into it one after the other. Once something does
 * not fit it stays full, and the caller of the module comes again with a larger one (ERANGE).
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct space {
    char *at;
    size_t left;
    bool full;
};

static inline char *space_text(struct space *space, const char *text)
{
    size_t len = strlen(text) + 1;
    char *out = space->at;

    if (space->full || len > space->left) {
        space->full = true;
        return NULL;
    }
    memcpy(out, text, len);
    space->at += len;
    space->left -= len;
    return out;
}

/* Room for n pointers, aligned. */
static inline char **space_pointers(struct space *space, size_t n)
{
    size_t pad = (size_t)(-(uintptr_t)space->at & (sizeof(char *) - 1));
    char *out = space->at + pad;

    if (space->full || pad > space->left || n > (space->left - pad) / sizeof(char *)) {
        space->full = true;
        return NULL;
    }
    space->at = out + n * sizeof(char *);
    space->left -= pad + n * sizeof(char *);
    return (char **)(void *)out;
}
