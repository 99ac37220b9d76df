# SPDX-License-Identifier: Apache-2.0
#
# banned.awk - prints the calls of banned functions in C files, outside of
# comments and strings.

BEGIN {
    why["strcpy"] = why["strcat"] = why["sprintf"] = "use snprintf or struct buf"
    why["vsprintf"] = why["stpcpy"] = "use vsnprintf or struct buf"
    why["strtok"] = "keeps hidden state"
    why["gets"] = "has no bound"
    why["atoi"] = why["atol"] = why["atof"] = why["atoll"] = "does not tell errors"
    why["system"] = why["popen"] = "runs a shell"
    why["alloca"] = "has no bound"
    why["strerror"] = "is not for threads: use err_sys or err_name"
    why["localtime"] = why["gmtime"] = why["ctime"] = why["asctime"] = \
        "is not for threads: use the _r form"
    why["exit"] = "only main.c ends the process"
    why["sleep"] = why["usleep"] = \
        "poll a condition with a deadline"
}

# The line without comments, strings and character constants.
function strip(s,    out, i, c, two) {
    out = ""
    for (i = 1; i <= length(s); i++) {
        c = substr(s, i, 1)
        two = substr(s, i, 2)
        if (in_comment) {
            if (two == "*/") {
                in_comment = 0
                i++
            }
        } else if (quote != "") {
            if (c == "\\")
                i++
            else if (c == quote)
                quote = ""
        } else if (two == "/*") {
            in_comment = 1
            i++
        } else if (two == "//") {
            break
        } else if (c == "\"" || c == "'") {
            quote = c
            out = out " "
        } else {
            out = out c
        }
    }
    if (quote != "" && substr(s, length(s), 1) != "\\")
        quote = ""
    return out
}

FNR == 1 {
    in_comment = 0
    quote = ""
    test = FILENAME ~ /^tests\//
    main_c = FILENAME ~ /(^|\/)main\.c$/
}

{
    # Most lines cannot have any: only those with a comment, a quote or a call.
    if (!in_comment && quote == "" && $0 !~ /[("'\/]/)
        next
    line = strip($0)
    while (match(line, /[A-Za-z_][A-Za-z_0-9]*[ \t]*\(/)) {
        before = RSTART > 1 ? substr(line, RSTART - 1, 1) : ""
        word = substr(line, RSTART, RLENGTH)
        sub(/[ \t]*\($/, "", word)
        line = substr(line, RSTART + RLENGTH)
        if (!(word in why) || before == "." || before == ">")
            continue
        if (word == "exit" && main_c)
            continue
        if (word ~ /sleep$/ && !test)
            continue
        print FILENAME ":" FNR ": " word " " why[word]
    }
}
