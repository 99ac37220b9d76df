# SPDX-License-Identifier: Apache-2.0
# plugins/sms_retry: joins here.
