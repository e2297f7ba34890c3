#include "tls/certificate.h"

#include <openssl/evp.h>
#include <string.h>

#include "smtp/chars.h"

/* In digits, of some case. */
static void hex_format(char *out, unsigned char const *octets, size_t len, char const *digits)
{
  size_t i;
  for (i = 0; i < len; i++)
  {
    *out++ = digits[octets[i] >> 4];
    *out++ = digits[octets[i] & 15];
  }
  *out = 0;
}

static void print_format(unsigned char const digest[EVP_MAX_MD_SIZE], certificate_print out)
{
  hex_format(out, digest, TLS_PRINT_LEN / 2, "0123456789abcdef");
}

int certificate_print_of(X509 *certificate, certificate_print out)
{
  unsigned char digest[EVP_MAX_MD_SIZE];
  if (!X509_digest(certificate, EVP_sha256(), digest, 0)) return 0;
  print_format(digest, out);
  return 1;
}

int certificate_key_print_of(X509 *certificate, certificate_print out)
{
  unsigned char digest[EVP_MAX_MD_SIZE], *der = 0;
  int const len = i2d_X509_PUBKEY(X509_get_X509_PUBKEY(certificate), &der);
  int const done = len > 0 && EVP_Digest(der, (size_t)len, digest, 0, EVP_sha256(), 0);
  OPENSSL_free(der);
  if (done) print_format(digest, out);
  return done;
}

/* Write text as xtext.  1; 0 where it does not fit. */
static int xtext_format(char *out, size_t max, char const *s, size_t len)
{
  size_t i, n = 0;
  for (i = 0; i < len; i++)
  {
    char const c = smtp_control(s[i]) ? '?' : s[i];
    unsigned char const octet = (unsigned char)c;
    if (max - n < sizeof "+00") return 0;
    if (smtp_visible(c) && c != '+' && c != '=') out[n++] = c;
    else
    {
      out[n++] = '+';
      hex_format(out + n, &octet, 1, "0123456789ABCDEF");
      n += 2;
    }
  }
  out[n] = 0;
  return 1;
}

static ASN1_STRING *entry_find(X509_NAME const *name, int nid)
{
  int const i = X509_NAME_get_index_by_NID(name, nid, -1);
  return i < 0 ? 0 : X509_NAME_ENTRY_get_data(X509_NAME_get_entry(name, i));
}

void certificate_name(X509_NAME const *name, char out[CERTIFICATE_NAME_MAX])
{
  ASN1_STRING const *value = entry_find(name, NID_commonName);
  unsigned char *text = 0;
  int len;
  if (!value) value = entry_find(name, NID_organizationName);
  len = value ? ASN1_STRING_to_UTF8(&text, value) : -1;
  if (len < 0 || !xtext_format(out, CERTIFICATE_NAME_MAX, (char const *)text, (size_t)len)) *out = 0;
  OPENSSL_free(text);
}

int certificate_no_passphrase(char *s, int size, int writing, void *data)
{
  (void)s, (void)size, (void)writing, (void)data;
  return 0;
}
