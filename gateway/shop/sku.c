/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/shop/sku.h"

#include <assert.h>
#include <utf8proc.h>

enum {
    /* No character decomposes into more than four code points; once for what
     * is typed, and once for what its case is changed to. */
    DECOMPOSED_MAX = 4 * 4,
    POINTS_MAX = SHOP_SKU_MAX * DECOMPOSED_MAX,
    POINT_BYTES_MAX = 4, /* in UTF-8 */
};

/* What no scanner or person means: spaces of any width, and the marks that
 * editors and keyboard scanners leave at the ends of a text. */
static bool is_blank(int32_t point) {
    utf8proc_category_t category = utf8proc_category(point);
    return category == UTF8PROC_CATEGORY_ZS ||
           category == UTF8PROC_CATEGORY_ZL ||
           category == UTF8PROC_CATEGORY_ZP ||
           point == 0x200b || /* zero width space */
           point == 0x2060 || /* word joiner */
           point == 0xfeff;   /* byte order mark */
}

static bool is_ascii(struct slice text) {
    uint8_t all = 0;
    for (size_t i = 0; i < text.len; i++) {
        all |= text.data[i];
    }
    return all < 0x80;
}

static int32_t ascii_in_case(int32_t point, enum sku_case wanted) {
    if (wanted == SKU_CASE_UPPER && point >= 'a' && point <= 'z') {
        return point - 'a' + 'A';
    }
    if (wanted == SKU_CASE_LOWER && point >= 'A' && point <= 'Z') {
        return point - 'A' + 'a';
    }
    return point;
}

static bool changes_case(struct slice text, enum sku_case wanted) {
    for (size_t i = 0; i < text.len; i++) {
        if (ascii_in_case(text.data[i], wanted) != text.data[i]) {
            return true;
        }
    }
    return false;
}

/* Most skus are digits: nothing is copied for them. */
static err_t normal_ascii(struct slice sku, enum sku_case wanted,
                          struct arena *arena, struct slice *ret) {
    size_t begin = 0;
    size_t end = sku.len;
    for (; begin < end && sku.data[begin] == ' '; begin++) {
    }
    for (; end > begin && sku.data[end - 1] == ' '; end--) {
    }
    struct slice part = slice_part(sku, begin, end - begin);
    ENSURE(part.len > 0, ERR_NOT_FOUND);
    if (!changes_case(part, wanted)) {
        *ret = part;
        return ERR_OK;
    }
    uint8_t text[SHOP_SKU_MAX];
    for (size_t i = 0; i < part.len; i++) {
        text[i] = (uint8_t)ascii_in_case(part.data[i], wanted);
    }
    return arena_copy(arena, slice_of(text, part.len), ret);
}

struct points {
    int32_t list[POINTS_MAX];
    utf8proc_ssize_t count;
};

/* `text` is UTF-8. */
static void decompose(struct slice text, struct points *ret) {
    ret->count =
        utf8proc_decompose(text.data, (utf8proc_ssize_t)text.len, ret->list,
                           POINTS_MAX, UTF8PROC_STABLE | UTF8PROC_DECOMPOSE);
    assert(ret->count >= 0 && ret->count <= POINTS_MAX);
}

static struct slice encode(const struct points *points, uint8_t *buf) {
    size_t len = 0;
    for (utf8proc_ssize_t i = 0; i < points->count; i++) {
        len += (size_t)utf8proc_encode_char(points->list[i], buf + len);
    }
    return slice_of(buf, len);
}

/* Letters change apart from their marks, as Unicode defines it; what a letter
 * changes to may be a composed one. */
static void change_case(struct points *points, enum sku_case wanted) {
    for (utf8proc_ssize_t i = 0; i < points->count; i++) {
        points->list[i] = wanted == SKU_CASE_UPPER
                              ? utf8proc_toupper(points->list[i])
                              : utf8proc_tolower(points->list[i]);
    }
    uint8_t buf[POINTS_MAX * POINT_BYTES_MAX];
    decompose(encode(points, buf), points);
}

static err_t trim(struct points *points) {
    utf8proc_ssize_t begin = 0;
    utf8proc_ssize_t end = points->count;
    for (; begin < end && is_blank(points->list[begin]); begin++) {
    }
    for (; end > begin && is_blank(points->list[end - 1]); end--) {
    }
    ENSURE(end > begin, ERR_NOT_FOUND);
    points->count = end - begin;
    memmove(points->list, points->list + begin,
            (size_t)points->count * sizeof(points->list[0]));
    return ERR_OK;
}

err_t sku_normal(struct slice sku, enum sku_case wanted, struct arena *arena,
                 struct slice *ret) {
    assert(sku.len > 0 && sku.len <= SHOP_SKU_MAX);
    if (is_ascii(sku)) {
        return normal_ascii(sku, wanted, arena, ret);
    }
    struct points points;
    decompose(sku, &points);
    if (wanted != SKU_CASE_KEEP) {
        change_case(&points, wanted);
    }
    points.count = utf8proc_normalize_utf32(points.list, points.count,
                                            UTF8PROC_STABLE | UTF8PROC_COMPOSE);
    TRY(trim(&points));
    uint8_t buf[POINTS_MAX * POINT_BYTES_MAX];
    struct slice form = encode(&points, buf);
    ENSURE(form.len <= SHOP_SKU_MAX, ERR_RANGE);
    return arena_copy(arena, form, ret);
}
