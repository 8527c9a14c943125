/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NETIPC_EXPORT_H
#define NETIPC_EXPORT_H

/* Marks what leaves the library. Everything else is hidden. */
#if defined(__GNUC__)
#define NETIPC_API __attribute__((visibility("default")))
#define NETIPC_NODISCARD __attribute__((warn_unused_result))
#else
#define NETIPC_API
#define NETIPC_NODISCARD
#endif

/* Marks a function of the library that programs may have compiled in as well: C99's inline, or C++'s. Not defined where
 * that is not to be had. */
#if defined(__GNUC_STDC_INLINE__) || (defined(__GNUC__) && defined(__cplusplus))
#define NETIPC_INLINE inline
#endif

#ifdef __cplusplus
#define NETIPC_BEGIN_DECLS extern "C" {
#define NETIPC_END_DECLS }
#else
#define NETIPC_BEGIN_DECLS
#define NETIPC_END_DECLS
#endif

#endif
