/* name_server.h - for tests of names: a tiny name server on a UDP port of its own, in a thread, that does as it is told. Header only. */
#ifndef MOA_TESTS_UNIT_GATEWAY_SUPPORT_NAME_SERVER_H
#define MOA_TESTS_UNIT_GATEWAY_SUPPORT_NAME_SERVER_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>
#include "gateway/model/config.h"
#include "tests/unit/gateway/support/answers.h"

enum manner {
	SERVES,     /* what <v4> and <v6> say */
	SILENT,
	SAYS_NX,
	SAYS_REFUSED,
	SAYS_CUT,   /* truncated */
	SAYS_MUCH,  /* more than a datagram that was agreed upon */
	SAYS_LIES,  /* rubbish, then answers to other questions, then what is right */
};

struct name_server_fake {
	int fd;
	pthread_t thread;
	struct name_server conf;     /* for a resolvers section */
	_Atomic int manner;          /* enum manner */
	_Atomic(const char *) v4, v6; /* addresses, parted by blanks; "" for none */
	_Atomic(const char *) other;  /* v4 of names that do not begin with an 's'; NULL: the same */
	_Atomic unsigned questions, questions_v6;
	_Atomic unsigned payload;    /* of the last question, 0: without EDNS */
};

static inline void name_server_add(struct answer *a, const char *addresses)
{
	while (*addresses != '\0') {
		size_t len = strcspn(addresses, " ");
		char one[INET6_ADDRSTRLEN] = "";

		assert(len < sizeof(one));
		memcpy(one, addresses, len);
		answer_address(a, "@12", one);
		addresses += len + (addresses[len] == ' ');
	}
}

static inline void name_server_say(const struct name_server_fake *s, const struct answer *a, const struct sockaddr_storage *to, socklen_t len)
{
	if (sendto(s->fd, a->bytes, a->len, 0, (const struct sockaddr *)to, len) != (ssize_t)a->len)
		abort();
}

/* <a> is the question, without what follows it, and becomes the answer. */
static inline void name_server_reply(struct name_server_fake *s, struct answer *a, bool v6, const struct sockaddr_storage *to, socklen_t to_len)
{
	static const unsigned codes[] = { [SAYS_NX] = 0x83, [SAYS_REFUSED] = 0x85, [SAYS_LIES] = 0x80 };
	int manner = atomic_load(&s->manner);
	struct answer lie = *a;

	a->bytes[2] = manner == SAYS_CUT ? 0x83 : 0x81;
	a->bytes[3] = manner == SAYS_NX || manner == SAYS_REFUSED ? (uint8_t)codes[manner] : 0x80;
	if (manner == SAYS_LIES) {
		lie.len = 5;
		name_server_say(s, &lie, to, to_len);
		lie = *a;
		name_server_add(&lie, "192.0.2.66");
		lie.bytes[0] ^= 0xFF;
		name_server_say(s, &lie, to, to_len);
		lie.bytes[0] ^= 0xFF;
		lie.bytes[13] ^= 1; /* a letter of the name */
		name_server_say(s, &lie, to, to_len);
		lie.bytes[13] ^= 1;
		lie.len--;
		name_server_say(s, &lie, to, to_len);
	}
	if (manner == SAYS_MUCH) {
		for (unsigned i = 0; i < 60; i++)
			name_server_add(a, "192.0.2.66");
	}
	if (manner == SERVES && !v6 && a->bytes[13] != 's' && atomic_load(&s->other) != NULL)
		name_server_add(a, atomic_load(&s->other));
	else if (manner == SERVES || manner == SAYS_LIES)
		name_server_add(a, atomic_load(v6 ? &s->v6 : &s->v4));
	name_server_say(s, a, to, to_len);
}

/* Until an empty datagram comes. */
static inline void *name_server_thread(void *arg)
{
	struct name_server_fake *s = arg;

	for (;;) {
		struct sockaddr_storage from;
		socklen_t from_len = sizeof(from);
		struct answer a;
		ssize_t len = recvfrom(s->fd, a.bytes, sizeof(a.bytes), 0, (struct sockaddr *)&from, &from_len);
		size_t end = 12;
		bool v6;

		if (len <= 0)
			return NULL;
		while (a.bytes[end] != 0)
			end += a.bytes[end] + 1u;
		end += 5;
		v6 = a.bytes[end - 3] == 28;
		atomic_store(&s->payload, a.bytes[11] == 1 ? (unsigned)a.bytes[end + 3] << 8 | a.bytes[end + 4] : 0);
		a.len = end;
		a.bytes[11] = 0;
		atomic_fetch_add(&s->questions_v6, v6);
		atomic_fetch_add(&s->questions, 1);
		if (atomic_load(&s->manner) != SILENT)
			name_server_reply(s, &a, v6, &from, from_len);
	}
}

static inline void name_server_start(struct name_server_fake *s, const char *name, enum manner manner, const char *v4, const char *v6)
{
	struct sockaddr_in *in = (struct sockaddr_in *)&s->conf.sa;

	memset(s, 0, sizeof(*s));
	s->conf.name = slice_str(name);
	s->conf.len = sizeof(*in);
	in->sin_family = AF_INET;
	in->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	s->fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (s->fd < 0 || bind(s->fd, (struct sockaddr *)in, sizeof(*in)) != 0 || getsockname(s->fd, (struct sockaddr *)in, &s->conf.len) != 0)
		abort();
	atomic_store(&s->manner, manner);
	atomic_store(&s->v4, v4);
	atomic_store(&s->v6, v6);
	if (pthread_create(&s->thread, NULL, name_server_thread, s) != 0)
		abort();
}

static inline void name_server_stop(struct name_server_fake *s)
{
	if (sendto(s->fd, "", 0, 0, (struct sockaddr *)&s->conf.sa, s->conf.len) != 0)
		abort();
	pthread_join(s->thread, NULL);
	close(s->fd);
}

#endif
