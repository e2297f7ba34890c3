#include "tls/inspect.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

struct inspect
{
  X509 *x509;
};

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

/* A pass phrase is asked for: nobody is there to know it. */
static int no_passphrase(char *s, int size, int writing, void *data)
{
  (void)s, (void)size, (void)writing, (void)data;
  return 0;
}

inspect *inspect_open(int dir, char const *path)
{
  inspect *certificate = 0;
  FILE *file = file_open(dir, path);
  X509 *x509;
  if (!file) return 0;
  x509 = PEM_read_X509(file, 0, no_passphrase, 0);
  fclose(file);
  errno = EINVAL;
  if (x509 && (certificate = malloc(sizeof *certificate))) certificate->x509 = x509;
  else X509_free(x509);
  return certificate;
}

void inspect_close(inspect *certificate)
{
  if (certificate) X509_free(certificate->x509);
  free(certificate);
}

int64_t inspect_until_s(inspect const *certificate)
{
  struct tm tm;
  if (!ASN1_TIME_to_tm(X509_get0_notAfter(certificate->x509), &tm)) return 0;
  return timegm(&tm);
}

int inspect_names(inspect *certificate, char const *name)
{
  return X509_check_host(certificate->x509, name, strlen(name), 0, 0) == 1;
}

int inspect_fits(inspect const *certificate, int dir, char const *path)
{
  FILE *file = file_open(dir, path);
  EVP_PKEY *key;
  int fits;
  if (!file) return -1;
  key = PEM_read_PrivateKey(file, 0, no_passphrase, 0);
  fclose(file);
  errno = EINVAL;
  fits = key ? X509_check_private_key(certificate->x509, key) == 1 : -1;
  EVP_PKEY_free(key);
  return fits;
}
