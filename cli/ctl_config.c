/*
 * The configuration as gatewayctl reads it: the same code as the daemon's, every error on stderr.
 */
#include "cli/ctl.h"

#include <stdio.h>

static void config_error(void *context, const char *file, uint32_t line, const struct error *err)
{
    (void)context;
    if (line > 0)
        (void)fprintf(stderr, "%s:%u: ", file, line);
    else /* the file itself */
        (void)fprintf(stderr, "%s: ", file);
    (void)fprintf(stderr, "%s: %s\n", reason_text(err->reason), ctl_text(err->detail));
}

bool ctl_load_config(const struct ctl *ctl, struct config **ret_config)
{
    const struct config_errors errors = {config_error, NULL};

    return config_load(ctl->config_path, &errors, ret_config);
}
