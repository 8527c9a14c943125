/* SPDX-License-Identifier: Apache-2.0 */
#include "bench/report/staging.h"

#include "bench/notice.h"
#include "bench/whole_file.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define TWO "[0-9][0-9]"
#define STAMP_FORMAT "%Y%m%dT%H%M%SZ"
#define STAMP TWO TWO TWO TWO "T" TWO TWO TWO "Z"

static int is_picture(const struct dirent *entry)
{
    return fnmatch("*-" STAMP ".svg", entry->d_name, 0) == 0 || fnmatch("*-" STAMP ".png", entry->d_name, 0) == 0;
}

static int is_left(const struct dirent *entry)
{
    return fnmatch(".benchmarks-??????", entry->d_name, 0) == 0;
}

static int is_any(const struct dirent *entry)
{
    return strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0;
}

/* What is in a directory. */
struct listing {
    struct dirent **entries;
    int count;
};

static struct listing list(int directory, int (*wanted)(const struct dirent *entry))
{
    struct listing listing = {0};
    listing.count = scandirat(directory, ".", &listing.entries, wanted, alphasort);
    return listing;
}

static void free_listing(struct listing *listing)
{
    for (int i = 0; i < listing->count; i++)
        free(listing->entries[i]);
    free(listing->entries);
}

static void remove_directory(int parent, const char *name)
{
    int directory = openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (directory < 0)
        return;
    struct listing files = list(directory, is_any);
    for (int i = 0; i < files.count; i++)
        unlinkat(directory, files.entries[i]->d_name, 0);
    free_listing(&files);
    close(directory);
    unlinkat(parent, name, AT_REMOVEDIR);
}

static void remove_left(int output)
{
    struct listing left = list(output, is_left);
    for (int i = 0; i < left.count; i++)
        remove_directory(output, left.entries[i]->d_name);
    free_listing(&left);
}

bool staging_open(struct staging *staging, const char *output)
{
    time_t seconds = time(NULL);
    struct tm now;
    if (gmtime_r(&seconds, &now) == NULL || strftime(staging->stamp, sizeof staging->stamp, STAMP_FORMAT, &now) == 0) {
        notice("the date is not known");
        return false;
    }
    staging->directory = -1;
    staging->output = open(output, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (staging->output < 0) {
        notice_errno(
            "--output %s: cannot open this directory; make it, name another one, or start at the top of the tree",
            output);
        return false;
    }
    remove_left(staging->output);
    if (snprintf(staging->path, sizeof staging->path, "%s/.benchmarks-XXXXXX", output) < (int)sizeof staging->path &&
        mkdtemp(staging->path) != NULL)
        staging->directory = open(staging->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (staging->directory >= 0)
        return true;
    notice_errno("--output %s: cannot make a directory there", output);
    close(staging->output);
    return false;
}

/* Into OUTPUT/benchmarks, and all of it on the disk. */
static bool move_pictures(const struct staging *staging, int pictures)
{
    struct listing files = list(staging->directory, is_picture);
    bool good = files.count >= 0;
    for (int i = 0; good && i < files.count; i++) {
        const char *name = files.entries[i]->d_name;
        good = whole_file_sync(staging->directory, name);
        if (good && renameat(staging->directory, name, pictures, name) != 0) {
            notice_errno("cannot move %s to its place", name);
            good = false;
        }
    }
    free_listing(&files);
    return good && whole_file_sync(pictures, ".") && whole_file_sync(staging->output, ".");
}

/* Those of this stamp, or those of all others. */
static void remove_pictures(const struct staging *staging, int pictures, bool own)
{
    struct listing files = list(pictures, is_picture);
    for (int i = 0; i < files.count; i++)
        if ((strstr(files.entries[i]->d_name, staging->stamp) != NULL) == own)
            unlinkat(pictures, files.entries[i]->d_name, 0);
    free_listing(&files);
}

bool staging_release(struct staging *staging)
{
    int pictures = -1;
    if (mkdirat(staging->output, STAGING_PICTURES, 0777) == 0 || errno == EEXIST)
        pictures = openat(staging->output, STAGING_PICTURES, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (pictures < 0) {
        notice_errno("cannot make the directory " STAGING_PICTURES);
        return false;
    }
    bool good = move_pictures(staging, pictures);
    if (good && renameat(staging->directory, STAGING_DOCUMENT, staging->output, STAGING_DOCUMENT) != 0) {
        notice_errno("cannot move " STAGING_DOCUMENT " to its place");
        good = false;
    }
    /* On the disk before that which it replaces is gone; it is in its place already if that fails. */
    if (good && whole_file_sync(staging->output, "."))
        remove_pictures(staging, pictures, false);
    if (!good) {
        remove_pictures(staging, pictures, true);
        unlinkat(staging->output, STAGING_PICTURES, AT_REMOVEDIR);
    }
    close(pictures);
    return good;
}

void staging_close(struct staging *staging)
{
    close(staging->directory);
    remove_directory(staging->output, strrchr(staging->path, '/') + 1);
    close(staging->output);
}
