#include "admin/users.h"

#include <grp.h>
#include <pwd.h>
#include <stdlib.h>
#include <unistd.h>

#include <skalibs/strerr.h>

static gid_t group_find(char const *name)
{
  struct group const *group = getgrnam(name);
  if (!group) strerr_dief(100, "no group ", name, ": \"make users\" adds it");
  return group->gr_gid;
}

#define MEMBERSHIPS_MAX 1024

/* Is the user, whose own group this is, in the other one? */
static int is_member(char const *name, gid_t own, gid_t group)
{
  gid_t groups[MEMBERSHIPS_MAX];
  int count = MEMBERSHIPS_MAX, i;
  if (getgrouplist(name, own, groups, &count) == -1)
    strerr_dief(100, "user ", name, " is in too many groups");
  for (i = 0; i < count; i++)
    if (groups[i] == group) return 1;
  return 0;
}

static void keep_out(maker const *m, enum layout_owner owner, enum layout_group group,
                     char const *name)
{
  if (is_member(layout_owner_names[owner], m->gids[owner], m->groups[group]))
    strerr_dief(100, "user ", layout_owner_names[owner], " must not be in the group ", name);
}

/* No user whose programs talk to strangers may have the queue. */
static void members_check(maker const *m)
{
  if (m->gids[LAYOUT_IN] != m->groups[LAYOUT_GROUP_WRITERS])
    strerr_dief(100, "user sluice-in must have " LAYOUT_WRITERS " as its own group: see "
                "\"make users\"");
  keep_out(m, LAYOUT_IN, LAYOUT_GROUP_KEEPERS, LAYOUT_KEEPERS);
  keep_out(m, LAYOUT_OUT, LAYOUT_GROUP_KEEPERS, LAYOUT_KEEPERS);
  keep_out(m, LAYOUT_AUTH, LAYOUT_GROUP_KEEPERS, LAYOUT_KEEPERS);
  keep_out(m, LAYOUT_LOG, LAYOUT_GROUP_KEEPERS, LAYOUT_KEEPERS);
  keep_out(m, LAYOUT_TLS, LAYOUT_GROUP_KEEPERS, LAYOUT_KEEPERS);
  keep_out(m, LAYOUT_OUT, LAYOUT_GROUP_WRITERS, LAYOUT_WRITERS);
  keep_out(m, LAYOUT_LOG, LAYOUT_GROUP_WRITERS, LAYOUT_WRITERS);
}

void users_find(maker *m)
{
  size_t i = 0;
  if (geteuid())
    strerr_dief(100, m->renewing ? "an instance with users of its own is for root"
                                 : "-U is for root");
  for (; i < LAYOUT_OWNERS; i++)
  {
    struct passwd const *user = getpwnam(layout_owner_names[i]);
    if (!user)
      strerr_dief(100, "no user ", layout_owner_names[i], ": \"make users\" adds those of -U");
    m->uids[i] = user->pw_uid;
    m->gids[i] = user->pw_gid;
  }
  m->groups[LAYOUT_GROUP_WRITERS] = group_find(LAYOUT_WRITERS);
  m->groups[LAYOUT_GROUP_KEEPERS] = group_find(LAYOUT_KEEPERS);
  m->users = 1;
  members_check(m);
}
