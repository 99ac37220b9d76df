# SPDX-License-Identifier: Apache-2.0
# host/app: its library joins here.
