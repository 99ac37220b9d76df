# SPDX-License-Identifier: Apache-2.0
# host/commit: its library joins here.
