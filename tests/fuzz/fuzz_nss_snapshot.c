/*
 * The reader of the NSS snapshot: no file makes it read outside, or tell of uid 0.
 */
#include "common/nss_snapshot.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void use_user(enum nss_answer answer, const struct nss_passwd_row *row)
{
    if (answer != NSS_FOUND)
        return;
    if (row->uid == 0 || row->gid == 0 || strlen(row->name) > NSS_NAME_MAX)
        abort();
    (void)(strlen(row->gecos) + strlen(row->home) + strlen(row->shell));
    for (size_t i = 0; i < nss_list_len(row->groups); i++)
        (void)nss_list_at(row->groups, i);
}

static void use_group(enum nss_answer answer, const struct nss_snapshot *snapshot,
                      const struct nss_group_row *row)
{
    if (answer != NSS_FOUND)
        return;
    if (row->gid == 0 || strcmp(row->name, "root") == 0)
        abort();
    for (size_t i = 0; i < nss_list_len(row->members); i++)
        (void)nss_member_at(snapshot, row, i);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *const names[] = {"alice", "bob", "root", "staff", ""};
    struct nss_snapshot snapshot;
    struct nss_passwd_row user;
    struct nss_group_row group;

    if (!nss_snapshot_open((struct bytes){data, size}, &snapshot, NULL))
        return 0;
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        use_user(nss_user_by_name(&snapshot, names[i], &user), &user);
        use_group(nss_group_by_name(&snapshot, names[i], &group), &snapshot, &group);
    }
    for (uint32_t id = 0; id < 8; id++) {
        use_user(nss_user_by_uid(&snapshot, 2000 + id, &user), &user);
        use_group(nss_group_by_gid(&snapshot, 5000 + id, &group), &snapshot, &group);
    }
    return 0;
}
