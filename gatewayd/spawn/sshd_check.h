#pragma once
/*
 * Whether an sshd that a row starts would ask PAM, and which service of it: sshd itself is asked
 * (sshd -T), since an update of it changes the answer (PAMServiceName from OpenSSH 9.8 on).
 */
#include "gatewayd/shared/config.h"

/* The answer for one row, kept for some seconds. Zeroed memory is no answer yet. */
struct sshd_check {
    int64_t until_ms;
    bool safe;
    struct error err;
};

/* True for every other program. service: what its PAM service must be called. */
bool sshd_is_safe(const struct config_spawn *spawn, const char *service, struct sshd_check *check,
                  struct error *err) MUST_CHECK;
/* Judges the output of sshd -T. */
bool sshd_settings_are_safe(struct bytes settings, const char *service,
                            struct error *err) MUST_CHECK;
