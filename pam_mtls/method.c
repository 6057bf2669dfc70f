/*
 * The table of methods.
 */
#include "pam_mtls/method.h"

static const struct method methods[] = {
    {.name = "tunnel",
     .auth = PROTOCOL_AUTH_TUNNEL,
     .observable =
         false, /* there, IGNORE would be all that stands between a stranger and a shell */
     .binds = true,
     .prove = method_tunnel_prove},
};

const struct method *method_of(const char *name)
{
    for (size_t i = 0; i < ARRAY_LEN(methods); i++)
        if (strcmp(methods[i].name, name) == 0)
            return &methods[i];
    return NULL;
}
