#!/bin/sed -Ef
# SPDX-License-Identifier: BSD-3-Clause
# tern.h as doxygen is to read it: what stands behind a field, a constant or a macro is said of it
2s,^/\*$,/** @mainpage,
s,^(\t[^/]*[^/ \t])[ \t]*/\* ,\1 /**< ,
s,^(#define TERN_[A-Z0-9_]+ [^/]*[^/ \t])[ \t]*/\* ,\1 /**< ,
# its headings are groups
s,^struct tern_conn;$,& /** @name addresses and configuration */ /** @{ */,
s,^/\* --- (.*[^ -]) -+ \*/,/** @} */ /** @name \1 */ /** @{ */,
s,^#endif /\* TERN_H \*/,/** @} */\n&,
