list(APPEND GATEWAYD_SOURCES shared/messages.c shared/xalloc.c)
