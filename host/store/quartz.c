/* SPDX-License-Identifier: Apache-2.0
 *
 * store/quartz.c - see quartz.h.
 */
#include "config.h"

#include "store/quartz.h"

#include <errno.h>

int store_quartz_read(const struct quartz_request *q, uint64_t *ret_earlier,
                      struct err *err)
{
    *ret_earlier = 0;
#ifdef HAVE_MYSQL
    return md_quartz_read(q, ret_earlier, err);
#else
    (void)q;
    return err_set(err, -ENOTSUP,
                   "this program was built without a connector to MySQL");
#endif
}
