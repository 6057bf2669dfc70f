list(APPEND GATEWAYD_SOURCES pipeline.c shared/messages.c shared/xalloc.c)
