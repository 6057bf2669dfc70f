#pragma once
/*
 * An identity in the making: how identity.c (the certificate) and identity_names.c (its names) add
 * values. Used by those two alone.
 */
#include "gatewayd/decide/der.h"
#include "gatewayd/decide/identity.h"

struct build {
    struct identity *identity;
    struct writer texts;   /* of all values, each terminated */
    struct writer scratch; /* the form of one value */
    size_t *text_at;       /* where the text of a value begins */
    size_t room;
    size_t n_uris;  /* alternative names that are URIs */
    bool signs;     /* basicConstraints or keyUsage let it sign certificates or lists */
    bool malformed; /* one of the two could not be read */
    bool overflow;  /* more than IDENTITY_VALUES_MAX */
};

struct build build_over(struct identity *identity);
void build_clear(struct build *build); /* fits AUTO; the identity is not its own */
/*
 * Adds the value of a row as its form makes it, a fault, or nothing (attribute_none). Gives what
 * was added, good until the next call; NULL when nothing was.
 */
struct identity_value *build_value(struct build *build, const struct attribute *attribute,
                                   struct der element);
/* Adds a value whose text is known; static text. */
void build_word(struct build *build, const struct attribute *attribute, struct der element,
                const char *text);
/* Adds a value that may not be used. */
struct identity_value *build_fault(struct build *build, const struct attribute *attribute,
                                   struct der element, const char *why);
/* The same for each row of a source: what stands there cannot be told. */
void build_faults(struct build *build, enum attribute_source source, struct bytes content,
                  const char *why);
/* All values are there: checks those that depend on each other, and lets the texts stay. */
void build_settle(struct build *build);

/* The components of one of the two names; false when it is malformed. */
bool build_name(struct build *build, enum attribute_source source, struct bytes content);
/* The content of subjectAltName. */
void build_alternative_names(struct build *build, struct bytes content);
