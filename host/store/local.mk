# SPDX-License-Identifier: Apache-2.0
# host/store: its library joins here.
