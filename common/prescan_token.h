#pragma once
/*
 * Tokens of libconfuse text, for prescan.c only: names, texts, punctuation, each with its line.
 * Refuses what the two lexers could read differently; see prescan.h for what is allowed.
 */
#include "common/prescan.h"

enum token_kind {
    TOKEN_END,
    TOKEN_WORD,   /* without quotes */
    TOKEN_TEXT,   /* in quotes */
    TOKEN_ASSIGN, /* "=", and "+=" after its error */
    TOKEN_OPEN,
    TOKEN_CLOSE,
    TOKEN_COMMA,
    TOKEN_BAD, /* its error is reported already */
};

struct token {
    enum token_kind kind;
    uint32_t line;
    const char
        *text; /* unescaped; of other kinds the character itself; lives as long as the lexer */
};

/* Counts and passes on errors; shared by lexer and parser. */
struct prescan_report {
    const char *file;
    enum reason reason;
    const struct prescan_errors *errors;
    size_t n;
};

struct lexer {
    char *text;    /* a copy; comments become blanks as they are passed */
    char *decoded; /* unescaped words and texts, each with its NUL: never more than text has */
    size_t len, at, n_decoded;
    uint32_t line, quiet_line; /* no more errors about quiet_line: its first was reported */
    bool unsure; /* no end of a comment or text, or not text: the rest means nothing */
    struct prescan_report *report;
};

void prescan_report(struct prescan_report *report, uint32_t line, const char *fmt, ...)
    PRINTF(3, 4);

/* lexer_clear frees text and decoded. Out of memory aborts. */
struct lexer lexer_new(struct bytes text, struct prescan_report *report);
void lexer_clear(struct lexer *lexer);
struct token lexer_next(struct lexer *lexer);
