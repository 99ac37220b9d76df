# SPDX-License-Identifier: Apache-2.0
#
# layers.awk - awk -f layers.awk host/LAYERS host/*/*.[ch]: prints what breaks
# the layers.

BEGIN {
    # header (a prefix of what stands in <>) -> the library it belongs to
    lib["cjson/"] = lib["cJSON.h"] = "cJSON"
    lib["libconfig.h"] = "libconfig"
    lib["librdkafka/"] = lib["rdkafka"] = "librdkafka"
    lib["sqlite3"] = "sqlite3"
    lib["mysql"] = lib["mariadb"] = "mysql"
    lib["avro"] = "avro"
    lib["dlfcn.h"] = "dlfcn"
    lib["microhttpd.h"] = "microhttpd"
    lib["systemd/"] = "systemd"
    lib["curl/"] = "curl"
    lib["openssl/"] = "openssl"
    lib["cmocka.h"] = "cmocka"
}

FILENAME ~ /LAYERS$/ {
    sub(/#.*/, "")
    if ($0 ~ /^[ \t]*$/)
        next
    if (split($0, col, ":") < 3) {
        print FILENAME ":" FNR ": want name : modules : libraries"
        next
    }
    gsub(/[ \t]/, "", col[1])
    name = col[1]
    if (name in module)
        print FILENAME ":" FNR ": " name " stands twice"
    module[name] = FNR
    n = split(col[2], words, /[ \t]+/)
    for (i = 1; i <= n; i++)
        if (words[i] != "") {
            if (!(words[i] in module))
                print FILENAME ":" FNR ": " words[i] " does not stand above " name
            may[name, words[i]] = 1
        }
    n = split(col[3], words, /[ \t]+/)
    for (i = 1; i <= n; i++)
        if (words[i] != "")
            owns[name, words[i]] = 1
    next
}

FNR == 1 {
    split(FILENAME, part, "/")
    me = part[2]
    first = (FILENAME ~ /\.c$/)
}

/^[ \t]*#[ \t]*include/ {
    where = FILENAME ":" FNR ": "
    file = $0
    sub(/^[ \t]*#[ \t]*include[ \t]*/, "", file)
    open = substr(file, 1, 1)
    file = substr(file, 2)
    sub(/[>"].*/, "", file)
    if (first && file != "config.h")
        print where "config.h is the first include of a .c"
    first = 0
    if (open == "<") {
        for (h in lib)
            if (index(file, h) == 1 && !((me, lib[h]) in owns))
                print where me " may not use " lib[h]
        next
    }
    if (file == "config.h" || file ~ /^ontime\/[a-z_]+\.h$/)
        next
    n = split(file, part, "/")
    if (n < 2 || file ~ /\.\./)
        print where "\"" file "\": write \"module/file.h\""
    else if (part[1] != me && !(part[1] in module))
        print where part[1] " is no module (host/LAYERS)"
    else if (part[1] != me && !((me, part[1]) in may))
        print where me " may not include " part[1]
    else if (part[1] != me && n > 2)
        print where file " is private to " part[1]
}
