list(APPEND GATEWAYD_SOURCES parent/proc.c parent/children.c parent/messages.c parent/handover.c
    parent/folders.c parent/sockets.c parent/privilege.c parent/lists.c parent/list_sources.c parent/loading.c parent/reload.c
    parent/logins.c parent/proc_files.c parent/status.c parent/notify.c parent/watches.c)
list(APPEND GATEWAYD_SOURCES parent/adopted.c parent/ending.c parent/preview.c parent/state.c parent/succession.c parent/upgrade.c)
