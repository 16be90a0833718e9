/* SPDX-License-Identifier: Apache-2.0 */
#define _GNU_SOURCE /* setns */
#include "CSystem.h"
#include <errno.h>
#include <sched.h>

int csystem_enter_network_namespace(int descriptor)
{
	return setns(descriptor, CLONE_NEWNET) ? -errno : 0;
}
