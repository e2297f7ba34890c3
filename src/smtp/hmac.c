#include "smtp/hmac.h"

#include <md5.h>
#include <string.h>

/* --- HMAC-MD5 --- */

/* A hash of the key, each of whose octets was changed alike, and of what is behind it. */
static void keyed(unsigned char out[MD5_DIGEST_LENGTH], unsigned char const key[MD5_BLOCK_LENGTH],
                  unsigned char change, void const *text, size_t len)
{
  unsigned char block[MD5_BLOCK_LENGTH];
  MD5_CTX md5;
  size_t i;
  for (i = 0; i < sizeof block; i++) block[i] = key[i] ^ change;
  MD5Init(&md5);
  MD5Update(&md5, block, sizeof block);
  MD5Update(&md5, text, len);
  MD5Final(out, &md5);
  explicit_bzero(block, sizeof block);
  explicit_bzero(&md5, sizeof md5);
}

/* A key as long as a block: with zeros behind it, or hashed where it is longer. */
static void key_fit(unsigned char key[MD5_BLOCK_LENGTH], char const *s, size_t len)
{
  MD5_CTX md5;
  memset(key, 0, MD5_BLOCK_LENGTH);
  if (len <= MD5_BLOCK_LENGTH)
  {
    memcpy(key, s, len);
    return;
  }
  MD5Init(&md5);
  MD5Update(&md5, (unsigned char const *)s, len);
  MD5Final(key, &md5);
  explicit_bzero(&md5, sizeof md5);
}

static void hexadecimal(char *out, unsigned char const *s, size_t len)
{
  static char const digits[] = "0123456789abcdef";
  for (; len; s++, len--)
  {
    *out++ = digits[*s >> 4];
    *out++ = digits[*s & 15];
  }
}

#define INNER 0x36
#define OUTER 0x5c

void hmac_md5(char out[HMAC_MD5_LEN], char const *s, size_t keylen, char const *text, size_t len)
{
  unsigned char key[MD5_BLOCK_LENGTH], digest[MD5_DIGEST_LENGTH];
  key_fit(key, s, keylen);
  keyed(digest, key, INNER, text, len);
  keyed(digest, key, OUTER, digest, sizeof digest);
  hexadecimal(out, digest, sizeof digest);
  explicit_bzero(key, sizeof key);
}

/* --- comparing --- */

int hmac_same(char const *a, size_t alen, char const *b, size_t blen)
{
  char x[HMAC_SAME_MAX] = "", y[HMAC_SAME_MAX] = "";
  int differ = alen != blen;
  size_t i;
  if (alen > sizeof x || blen > sizeof y) return 0;
  memcpy(x, a, alen);
  memcpy(y, b, blen);
  for (i = 0; i < sizeof x; i++) differ |= x[i] ^ y[i];
  explicit_bzero(x, sizeof x);
  explicit_bzero(y, sizeof y);
  return !differ;
}
