/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TESTS_CGROUPS_PLUGIN_FAKE_TREE_H
#define TESTS_CGROUPS_PLUGIN_FAKE_TREE_H

/* A directory that stands for the root of a host. All of these fail the test that calls them when they cannot. */
struct fake_tree {
    char path[64];
};

void fake_tree_make(struct fake_tree *tree);
void fake_tree_remove(struct fake_tree *tree);

/* Makes a directory and those above it. */
void fake_tree_directory(const struct fake_tree *tree, const char *directory);

/* The same with an empty file cgroup.procs in it. */
void fake_tree_cgroup(const struct fake_tree *tree, const char *directory);
void fake_tree_file(const struct fake_tree *tree, const char *file, const char *content);

/* Removes a cgroup that fake_tree_cgroup() made and that has no children. */
void fake_tree_remove_cgroup(const struct fake_tree *tree, const char *directory);

/* A v2 hierarchy with nothing but its top. */
void fake_tree_v2(const struct fake_tree *tree);

/* Descriptors that this process has open. */
unsigned open_descriptors(void);

#endif
