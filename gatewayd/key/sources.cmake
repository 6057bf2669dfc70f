list(APPEND GATEWAYD_SOURCES key/certificate_verify.c key/keys.c key/proc.c)
