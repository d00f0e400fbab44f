/* The least gate in C: civetweb and json-c, nothing checked but, with PLUGIN_SIGNING_KEY, the
 * signature. Usage: gate PORT-FILE */
#include <civetweb.h>
#include <json-c/json.h>
#include <sodium.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct key {
	unsigned char bytes[64];
	size_t len;
};

static bool is_signed(const struct key *key, struct mg_connection *peer, const char *body,
		      size_t len)
{
	unsigned char mac[32];
	char text[64] = "v1,", head[256];
	const char *signature = mg_get_header(peer, "webhook-signature");
	crypto_auth_hmacsha256_state state;
	int n = snprintf(head, sizeof head, "%s.%s.", mg_get_header(peer, "webhook-id"),
			 mg_get_header(peer, "webhook-timestamp"));
	if (n < 0 || (size_t)n >= sizeof head)
		return false;
	crypto_auth_hmacsha256_init(&state, key->bytes, key->len);
	crypto_auth_hmacsha256_update(&state, (const unsigned char *)head, (size_t)n);
	crypto_auth_hmacsha256_update(&state, (const unsigned char *)body, len);
	crypto_auth_hmacsha256_final(&state, mac);
	sodium_bin2base64(text + 3, sizeof text - 3, mac, sizeof mac,
			  sodium_base64_VARIANT_ORIGINAL);
	return signature && strlen(signature) == strlen(text) &&
	       sodium_memcmp(signature, text, strlen(text)) == 0;
}

static int gate(struct mg_connection *peer, void *user)
{
	const struct key *key = user;
	char body[65536], head[256];
	long long len = mg_get_request_info(peer)->content_length, have = 0;
	while (have < len && len < (long long)sizeof body) {
		int got = mg_read(peer, body + have, (size_t)(len - have));
		if (got <= 0)
			return 400;
		have += got;
	}
	body[have] = '\0';
	if (key->len && !is_signed(key, peer, body, (size_t)have))
		return mg_send_http_error(peer, 401, "not signed") < 0 ? 500 : 401;
	struct json_object *call = json_tokener_parse(body), *header = NULL, *team = NULL;
	if (json_object_object_get_ex(call, "header", &header))
		json_object_object_get_ex(header, "team", &team);
	bool red = team && strcmp(json_object_get_string(team), "red") == 0;
	struct json_object *answer = json_object_new_object();
	json_object_object_add(answer, "decision", json_object_new_string(red ? "pass" : "stop"));
	json_object_object_add(answer, "reason", json_object_new_string("only team red"));
	const char *text = json_object_to_json_string(answer);
	int n = snprintf(head, sizeof head,
			 "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
			 "Content-Length: %zu\r\n\r\n%s",
			 strlen(text), text);
	mg_write(peer, head, (size_t)n);
	json_object_put(answer);
	json_object_put(call);
	return 200;
}

int main(int argc, char **argv)
{
	const char *settings[] = {
		"listening_ports", "127.0.0.1:0", "num_threads", "64", "enable_keep_alive", "yes",
		"tcp_nodelay",     "1",           NULL};
	struct mg_context *server = argc == 2 ? mg_start(NULL, NULL, settings) : NULL;
	struct mg_server_port port;
	FILE *file = server ? fopen(argv[1], "w") : NULL;
	if (!file || mg_get_server_ports(server, 1, &port) != 1)
		return 1;
	const char *text = getenv("PLUGIN_SIGNING_KEY");
	struct key key = {0};
	if (sodium_init() < 0 ||
	    (text && sodium_base642bin(key.bytes, sizeof key.bytes, text + strlen("whsec_"),
				       strlen(text) - strlen("whsec_"), NULL, &key.len, NULL,
				       sodium_base64_VARIANT_ORIGINAL)))
		return 1;
	mg_set_request_handler(server, "/", gate, &key);
	fprintf(file, "%d\n", port.port);
	fclose(file);
	pause();
	return 0;
}
