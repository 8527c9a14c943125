/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NETIPC_TESTS_GOLDEN_HOST_ORDER_H
#define NETIPC_TESTS_GOLDEN_HOST_ORDER_H

#include <stddef.h>

/*
 * From the byte order of the captures, little-endian, to the host's, in place: what a peer on a big-endian host would
 * have sent. Changes nothing on a little-endian one. Bytes behind the last whole field stay as they are.
 */

/* Envelope or continuation header, and behind the envelope a HELLO or HELLO_ACK. Other payloads stay as they are. */
void packet_to_host(unsigned char *packet, size_t length);

/* The payload of a sound cgroups snapshot. */
void snapshot_to_host(unsigned char *payload, size_t length);

/* The payloads of sound requests of cgroups-lookup and apps-lookup, and of sound answers. */
void lookup_request_to_host(unsigned char *payload, size_t length);
void lookup_answer_to_host(unsigned char *payload, size_t length);
void apps_request_to_host(unsigned char *payload, size_t length);
void apps_answer_to_host(unsigned char *payload, size_t length);

/* The payload of a batch: its directory, and items of one number of 8 bytes. */
void numbers_to_host(unsigned char *payload, size_t length, size_t count);

#endif
