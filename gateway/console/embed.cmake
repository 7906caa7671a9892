# SPDX-License-Identifier: Apache-2.0
# cmake -DOUT=FILE -DDIR=FOLDER -P embed.cmake: writes the page's files as a C
# table. Run by the build whenever one of them changes.

set(arrays "")
set(rows "")
set(count 0)

function(embed path type name)
  file(READ ${DIR}/${name} hex HEX)
  string(REGEX REPLACE "(..)" "0x\\1," bytes "${hex}")
  set(array data_${count})
  string(APPEND arrays "static const unsigned char ${array}[] = {${bytes}};\n")
  string(APPEND rows "    {\"${path}\", \"${type}\", ${array}, sizeof ${array}},\n")
  math(EXPR count "${count} + 1")
  set(arrays "${arrays}" PARENT_SCOPE)
  set(rows "${rows}" PARENT_SCOPE)
  set(count ${count} PARENT_SCOPE)
endfunction()

embed("/" "text/html; charset=utf-8" index.html)
embed("/style.css" "text/css; charset=utf-8" style.css)
embed("/app.js" "text/javascript; charset=utf-8" app.js)
embed("/words.js" "text/javascript; charset=utf-8" words.js)
embed("/icon.svg" "image/svg+xml" icon.svg)

file(WRITE ${OUT} "#include \"gateway/console/page.h\"\n\n${arrays}
const struct page_file page_files[PAGE_FILE_COUNT] = {\n${rows}};\n")
