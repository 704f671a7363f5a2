// Wiring: options -> keys -> store -> HTTP, until SIGTERM.
#include "common/base/descriptors.h"
#include "common/base/log.h"
#include "common/base/version.h"
#include "services/witness/options.h"
#include "services/witness/server.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

enum { EXIT_USAGE = 2, MAP_BYTES_LOG2 = 30 };

struct witness {
    struct witness_options options;
    struct key_signer *signer;
    struct note_verifier *log_keys;
    struct witness_service service;
    struct witness_server *server;
};

static sigset_t block_signals(void)
{
    sigset_t watched;
    sigemptyset(&watched);
    sigaddset(&watched, SIGTERM);
    sigaddset(&watched, SIGINT);
    pthread_sigmask(SIG_BLOCK, &watched, NULL);
    signal(SIGPIPE, SIG_IGN);
    return watched;
}

static struct status open_witness(struct witness *witness)
{
    struct witness_service *service = &witness->service;
    const struct store_schema *schemas[] = {&witness_store_schema};
    const struct store_config config = {.directory = witness->options.state,
                                        .map_bytes = UINT64_C(1) << MAP_BYTES_LOG2};
    RETURN_IF_ERROR(witness_key_load(&witness->options, &witness->signer, &service->verifier));
    RETURN_IF_ERROR(
        witness_logs_load(&witness->options, &witness->log_keys, &service->log_key_count));
    service->signer = witness->signer;
    service->log_keys = witness->log_keys;
    RETURN_IF_ERROR(store_open(&config, schemas, 1, &service->store));
    return witness_server_open(service, witness->options.address, witness->options.port,
                               &witness->server);
}

// The store goes between drain and close: what still waits in it answers on the server's loop.
static void close_witness(struct witness *witness)
{
    if (witness->server != NULL) witness_server_drain(witness->server);
    store_close(&witness->service.store);
    witness_server_close(&witness->server);
    key_signer_close(&witness->signer);
    free(witness->log_keys);
    witness->log_keys = NULL;
}

static int serve(struct witness *witness)
{
    char key[NOTE_VERIFIER_TEXT_BYTES];
    sigset_t watched = block_signals();
    struct status status = open_witness(witness);
    if (!status_ok(status)) {
        log_status(LOG_LEVEL_ERROR, "the witness cannot start", status);
        close_witness(witness);
        return EXIT_FAILURE;
    }
    note_verifier_format(&witness->service.verifier, key);
    LOG_INFO("ready", LOG_TEXT("version", florin_version()),
             LOG_TEXT("address", witness->options.address),
             LOG_U64("port", witness_server_port(witness->server)), LOG_TEXT("verifier_key", key),
             LOG_U64("log_keys", witness->service.log_key_count));
    int signal_number = 0;
    while (sigwait(&watched, &signal_number) != 0) {
    }
    LOG_INFO("draining");
    close_witness(witness);
    LOG_INFO("stopped");
    return EXIT_SUCCESS;
}

static int make_key(const struct witness *witness)
{
    struct note_verifier verifier;
    char text[NOTE_VERIFIER_TEXT_BYTES];
    struct status status = witness_key_make(&witness->options, &verifier);
    if (!status_ok(status)) {
        fprintf(stderr, "florin-witness: %s.key: %s (%s)\n", witness->options.key, status.message,
                status.reason);
        return EXIT_FAILURE;
    }
    note_verifier_format(&verifier, text);
    printf("%s\n", text);
    return EXIT_SUCCESS;
}

int main(int argc, char **argv)
{
    static struct witness witness;
    descriptors_open_standard();
    struct status status = witness_options_parse(argc, argv, &witness.options);
    if (!status_ok(status)) {
        fprintf(stderr, "florin-witness: %s; see florin witness --help\n", status.message);
        return EXIT_USAGE;
    }
    if (witness.options.help) {
        witness_options_help();
        return EXIT_SUCCESS;
    }
    umask(077);
    setrlimit(RLIMIT_CORE, &(struct rlimit){0, 0}); // A core file would hold the key.
    log_open("witness", LOG_FORMAT_LOGFMT,
             witness.options.verbose ? LOG_LEVEL_DEBUG : LOG_LEVEL_INFO);
    status = crypto_open();
    if (!status_ok(status)) {
        log_status(LOG_LEVEL_ERROR, "the witness cannot start", status);
        return EXIT_FAILURE;
    }
    return witness.options.init ? make_key(&witness) : serve(&witness);
}
