/* SPDX-License-Identifier: Apache-2.0 */
#include "bench/grid.h"

#include "bench/quantity.h"

#include <stdio.h>
#include <string.h>

static bool add(struct grid *grid, double value)
{
    size_t at = 0;
    while (at < grid->count && grid->values[at] < value)
        at++;
    if (at < grid->count && grid->values[at] == value)
        return true;
    if (grid->count == GRID_MOST)
        return false;
    memmove(&grid->values[at + 1], &grid->values[at], (grid->count - at) * sizeof *grid->values);
    grid->values[at] = value;
    grid->count++;
    return true;
}

/* A range is given up as soon as it has taken too many steps, as one does that gets nowhere. */
static bool add_range(struct grid *grid, double from, double to, const char *step, double most)
{
    double by;
    bool factor = *step == 'x';
    if ((!factor && *step != '+') || !quantity_decimal(step + 1, 0, most, &by) || from > to)
        return false;
    double value = from;
    for (size_t steps = 0; value <= to; steps++) {
        if (steps == GRID_MOST || !add(grid, value))
            return false;
        value = factor ? value * by : value + by;
    }
    return true;
}

/* A number, or a range. */
static bool parse_part(char *text, double least, double most, struct grid *grid)
{
    double from, to;
    char *first = strsep(&text, ":"), *last = strsep(&text, ":");
    if (!quantity_decimal(first, least, most, &from))
        return false;
    if (last == NULL)
        return add(grid, from);
    return text != NULL && quantity_decimal(last, least, most, &to) && add_range(grid, from, to, text, most);
}

bool grid_parse(const char *text, double least, double most, struct grid *grid)
{
    char copy[1024], *rest = copy, *part;
    if ((size_t)snprintf(copy, sizeof copy, "%s", text) >= sizeof copy)
        return false;
    grid->count = 0;
    while ((part = strsep(&rest, ",")) != NULL)
        if (!parse_part(part, least, most, grid))
            return false;
    return true;
}

void grid_print(const struct grid *grid, char *text, size_t size)
{
    size_t length = 0;
    for (size_t i = 0; i < grid->count && length < size; i++)
        length += (size_t)snprintf(text + length, size - length, "%s%.10g", i > 0 ? "," : "", grid->values[i]);
}

struct json_object *grid_json(const struct grid *grid)
{
    struct json_object *array = json_object_new_array();
    for (size_t i = 0; i < grid->count; i++) {
        char number[32];
        snprintf(number, sizeof number, "%.10g", grid->values[i]);
        json_object_array_add(array, json_object_new_double_s(grid->values[i], number));
    }
    return array;
}
