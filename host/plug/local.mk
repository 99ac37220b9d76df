# SPDX-License-Identifier: Apache-2.0
# host/plug: its library joins here.
