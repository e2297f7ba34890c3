#include "tls/inspect.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "tls/certificate.h"

/* A regular file, for reading.  NULL with errno. */
static FILE *file_open(int dir, char const *path)
{
  struct stat st;
  FILE *file = 0;
  int fd = openat(dir, path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (fd == -1) return 0;
  errno = EINVAL;
  if (!fstat(fd, &st) && S_ISREG(st.st_mode)) file = fdopen(fd, "r");
  if (!file) close(fd);
  return file;
}

inspect *inspect_open(int dir, char const *path)
{
  FILE *file = file_open(dir, path);
  inspect *certificate;
  if (!file) return 0;
  certificate = PEM_read_X509(file, 0, certificate_no_passphrase, 0);
  fclose(file);
  errno = EINVAL;
  return certificate;
}

void inspect_close(inspect *certificate)
{
  X509_free(certificate);
}

int64_t inspect_until_s(inspect const *certificate)
{
  struct tm tm;
  if (!ASN1_TIME_to_tm(X509_get0_notAfter(certificate), &tm)) return 0;
  return timegm(&tm);
}

int inspect_names(inspect *certificate, char const *name)
{
  return X509_check_host(certificate, name, strlen(name), 0, 0) == 1;
}

int inspect_fits(inspect const *certificate, int dir, char const *path)
{
  FILE *file = file_open(dir, path);
  EVP_PKEY *key;
  int fits;
  if (!file) return -1;
  key = PEM_read_PrivateKey(file, 0, certificate_no_passphrase, 0);
  fclose(file);
  errno = EINVAL;
  fits = key ? X509_check_private_key(certificate, key) == 1 : -1;
  EVP_PKEY_free(key);
  return fits;
}
