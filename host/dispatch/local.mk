# SPDX-License-Identifier: Apache-2.0
# host/dispatch: its library joins here.
