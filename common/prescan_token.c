/*
 * Lexer of the pre-scan. Runs where configuration or policy text is loaded and in the tools; trusts
 * nothing of the text. It knows less than libconfuse's lexer on purpose: what only one of the two
 * would accept is an error here.
 */
#include "common/prescan_token.h"

#include "common/text.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

void prescan_report(struct prescan_report *report, uint32_t line, const char *fmt, ...)
{
    char detail[ERROR_DETAIL_MAX];
    struct error err;
    va_list args;

    if (report->n++ >= PRESCAN_ERRORS_MAX)
        return;
    va_start(args, fmt);
    if (vsnprintf(detail, sizeof(detail), fmt, args) < 0)
        detail[0] = '\0';
    va_end(args);
    (void)err_set(&err, report->reason, "%s", detail);
    report->errors->found(report->errors->context, report->file, line, &err);
}

/* Tabs are the one control character inside a line, but not inside a text. */
static bool line_is_clean(struct bytes line)
{
    while (line.len > 0) {
        const uint8_t *tab = memchr(line.at, '\t', line.len);
        size_t len = tab ? (size_t)(tab - line.at) : line.len;

        if (!text_is_clean((struct bytes){line.at, len}))
            return false;
        line.at += len + (tab ? 1 : 0);
        line.len -= len + (tab ? 1 : 0);
    }
    return true;
}

/* libconfuse skips carriage returns and stops at NULs without a word; here both are errors. */
static void check_octets(struct lexer *lexer, struct bytes text)
{
    uint32_t line = 1;

    for (size_t at = 0; at < text.len; line++) {
        const uint8_t *end = memchr(text.at + at, '\n', text.len - at);
        size_t len = end ? (size_t)(end - text.at) - at : text.len - at;

        if (len > 0 && text.at[at + len - 1] == '\r')
            prescan_report(lexer->report, line, "carriage return: lines end in a newline alone");
        else if (!line_is_clean((struct bytes){text.at + at, len}))
            prescan_report(lexer->report, line, "a control character, or not UTF-8");
        else {
            at += len + 1;
            continue;
        }
        lexer->unsure = true;
        return;
    }
}

static char *must(void *at)
{
    if (!at)
        abort();
    return at;
}

struct lexer lexer_new(struct bytes text, struct prescan_report *report)
{
    struct lexer lexer = {.text = must(calloc(text.len + 1, 1)),
                          .decoded = must(calloc(text.len + 1, 1)),
                          .len = text.len,
                          .line = 1,
                          .report = report};

    if (text.len > 0)
        memcpy(lexer.text, text.at, text.len);
    check_octets(&lexer, text);
    return lexer;
}

void lexer_clear(struct lexer *lexer)
{
    free(lexer->text);
    free(lexer->decoded);
    *lexer = (struct lexer){.text = NULL};
}

static char peek(const struct lexer *lexer, size_t ahead)
{
    return lexer->at + ahead < lexer->len ? lexer->text[lexer->at + ahead] : '\0';
}

/* Overwrites the comment up to `end` but for its newlines. */
static void blank_out(struct lexer *lexer, size_t end)
{
    for (; lexer->at < end; lexer->at++) {
        if (lexer->text[lexer->at] == '\n')
            lexer->line++;
        else
            lexer->text[lexer->at] = ' ';
    }
}

static void pass_line_comment(struct lexer *lexer)
{
    const char *start = lexer->text + lexer->at;
    const char *end = memchr(start, '\n', lexer->len - lexer->at);

    blank_out(lexer, end ? (size_t)(end - lexer->text) : lexer->len);
}

static void pass_block_comment(struct lexer *lexer)
{
    const char *start = lexer->text + lexer->at + 2;
    const char *end = memmem(start, lexer->len - lexer->at - 2, "*/", 2);

    if (!end) {
        prescan_report(lexer->report, lexer->line, "this comment has no end");
        lexer->unsure = true;
    }
    blank_out(lexer, end ? (size_t)(end - lexer->text) + 2 : lexer->len);
}

static void pass_space(struct lexer *lexer)
{
    while (lexer->at < lexer->len) {
        char c = peek(lexer, 0);

        if (c == '#' || (c == '/' && peek(lexer, 1) == '/'))
            pass_line_comment(lexer);
        else if (c == '/' && peek(lexer, 1) == '*')
            pass_block_comment(lexer);
        else if (c == ' ' || c == '\t' || c == '\n') {
            lexer->line += c == '\n';
            lexer->at++;
        } else
            return;
    }
}

static bool is_word(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           (c != '\0' && strchr("_.:%-", c));
}

static void decode(struct lexer *lexer, char c)
{
    lexer->decoded[lexer->n_decoded++] = c;
}

static void word(struct lexer *lexer)
{
    while (is_word(peek(lexer, 0)))
        decode(lexer, lexer->text[lexer->at++]);
}

/* One character or escape of a quoted text. */
static void quoted_character(struct lexer *lexer, char quote)
{
    char c = peek(lexer, 0), next = peek(lexer, 1);

    if (c == '\\' && (next == '\\' || next == quote)) {
        decode(lexer, next);
        lexer->at += 2;
        return;
    }
    if (c == '\\' && quote == '"')
        prescan_report(
            lexer->report, lexer->line,
            "a backslash in double quotes stands before \\ or \" only: use single quotes");
    if (c == '$' && next == '{')
        prescan_report(lexer->report, lexer->line, "\"${\" is not expanded here: write the value");
    if (c == '\t')
        prescan_report(lexer->report, lexer->line, "a tab inside of a text");
    decode(lexer, c);
    lexer->at++;
}

/* False when the text does not end on its line. */
static bool quoted(struct lexer *lexer, char quote)
{
    lexer->at++;
    while (peek(lexer, 0) != quote) {
        if (lexer->at >= lexer->len || peek(lexer, 0) == '\n') {
            prescan_report(lexer->report, lexer->line, "this text has no closing %c on its line",
                           quote);
            lexer->unsure = true;
            return false;
        }
        quoted_character(lexer, quote);
    }
    lexer->at++;
    return true;
}

/* Reports a run of characters that start no token and passes it. */
static void pass_stray(struct lexer *lexer)
{
    size_t start = lexer->at;

    while (lexer->at < lexer->len && !strchr(" \t\n\"'#={},", peek(lexer, 0)))
        lexer->at++;
    if (lexer->at == start)
        lexer->at++;
    if (lexer->quiet_line == lexer->line)
        return;
    if (strncmp(lexer->text + start, "${", 2) == 0)
        prescan_report(lexer->report, lexer->line, "\"${\" is not expanded here: write the value");
    else
        prescan_report(lexer->report, lexer->line, "unexpected \"%.*s\": texts need quotes",
                       (int)(lexer->at - start), lexer->text + start);
}

static struct token punctuation(struct lexer *lexer)
{
    static const struct {
        const char *text;
        enum token_kind kind;
    } all[] = {{"=", TOKEN_ASSIGN}, {"{", TOKEN_OPEN}, {"}", TOKEN_CLOSE}, {",", TOKEN_COMMA}};
    struct token token = {.kind = TOKEN_BAD, .line = lexer->line, .text = "?"};

    if (peek(lexer, 0) == '+' && peek(lexer, 1) == '=') {
        prescan_report(lexer->report, lexer->line, "\"+=\" is not allowed: write the whole list");
        lexer->at++;
    }
    for (size_t i = 0; i < ARRAY_LEN(all); i++) {
        if (peek(lexer, 0) != all[i].text[0])
            continue;
        lexer->at++;
        token.kind = all[i].kind;
        token.text = all[i].text;
        return token;
    }
    pass_stray(lexer);
    return token;
}

struct token lexer_next(struct lexer *lexer)
{
    struct token token = {.kind = TOKEN_END, .text = "the end of the file"};
    size_t start = lexer->n_decoded;
    char c;

    if (!lexer->unsure)
        pass_space(lexer);
    token.line = lexer->line;
    if (lexer->unsure || lexer->at >= lexer->len)
        return token;
    c = peek(lexer, 0);
    if (is_word(c)) {
        word(lexer);
        token.kind = TOKEN_WORD;
    } else if (c == '"' || c == '\'')
        token.kind = quoted(lexer, c) ? TOKEN_TEXT : TOKEN_BAD;
    else
        return punctuation(lexer);
    decode(lexer, '\0');
    token.text = lexer->decoded + start;
    return token;
}
