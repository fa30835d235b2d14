/* crc.h - CRC-32C (Castagnoli), as in RFC 3720 appendix B.4 */
#ifndef LIB_CRC_H
#define LIB_CRC_H

#include <stddef.h>
#include <stdint.h>

/* The CRC of N bytes continued from CRC; start with 0. */
uint32_t crc32c(uint32_t crc, const void *p, size_t n);

#endif
