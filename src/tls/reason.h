#ifndef TLS_REASON_H
#define TLS_REASON_H

/*
 * Why the last call of OpenSSL's failed, in a few words ("wrong version number", "Permission
 * denied"); its queue of errors is empty then.  Before a call whose reason will be asked for,
 * reason_forget().
 */
extern void reason_forget(void);
extern char const *reason_last(void);

#endif
