/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NETIPC_PUBLISH_PROFILE_H
#define NETIPC_PUBLISH_PROFILE_H

#include <netipc/profile.h>

/* What a config gives: copied and checked. NULL: a profile that says nothing. */
netipc_status netipc_profile_take(const netipc_profile *given, netipc_profile *profile);

#endif
