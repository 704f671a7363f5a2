// gRPC C++ unary echo over a unix socket, as the peer of tests/bench/rpc_bench.c: the asynchronous
// (completion queue) server, which is its fastest, an asynchronous client with 256 calls in flight,
// and a synchronous single call. No token, no permission, no validation: the bare call.
// Prints: <calls per second> <single call median, us>
#include "echo.grpc.pb.h"

#include <algorithm>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <grpcpp/grpcpp.h>
#include <memory>
#include <string>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <thread>
#include <unistd.h>
#include <vector>

namespace
{
using Clock = std::chrono::steady_clock;

constexpr int kInFlight = 256;
constexpr int kSingleCalls = 2000;
constexpr int kServerThreads = 2;
constexpr auto kWarm = std::chrono::milliseconds(400);
constexpr auto kRun = std::chrono::milliseconds(1500);

class ServerCall
{
  public:
    ServerCall(peer::Echo::AsyncService *service, grpc::ServerCompletionQueue *queue)
        : service_(service), queue_(queue), responder_(&context_)
    {
        service_->RequestEcho(&context_, &request_, &responder_, queue_, queue_, this);
    }

    void Proceed()
    {
        if (finished_) {
            delete this;
            return;
        }
        new ServerCall(service_, queue_);
        reply_.set_text(request_.text());
        reply_.set_number(request_.number());
        reply_.set_actor("users/01010101-0101-0101-0101-010101010101");
        finished_ = true;
        responder_.Finish(reply_, grpc::Status::OK, this);
    }

  private:
    peer::Echo::AsyncService *service_;
    grpc::ServerCompletionQueue *queue_;
    grpc::ServerContext context_;
    peer::EchoRequest request_;
    peer::EchoReply reply_;
    grpc::ServerAsyncResponseWriter<peer::EchoReply> responder_;
    bool finished_ = false;
};

[[noreturn]] void Serve(const std::string &address)
{
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    peer::Echo::AsyncService service;
    grpc::ServerBuilder builder;
    builder.AddListeningPort(address, grpc::InsecureServerCredentials());
    builder.RegisterService(&service);
    std::vector<std::unique_ptr<grpc::ServerCompletionQueue>> queues;
    for (int i = 0; i < kServerThreads; i++)
        queues.push_back(builder.AddCompletionQueue());
    std::unique_ptr<grpc::Server> server = builder.BuildAndStart();
    std::vector<std::thread> threads;
    for (auto &queue : queues) {
        threads.emplace_back([&service, &queue] {
            for (int i = 0; i < kInFlight; i++)
                new ServerCall(&service, queue.get());
            void *tag;
            bool ok;
            while (queue->Next(&tag, &ok))
                if (ok) static_cast<ServerCall *>(tag)->Proceed();
        });
    }
    for (;;)
        pause();
}

struct ClientCall {
    grpc::ClientContext context;
    peer::EchoReply reply;
    grpc::Status status;
    std::unique_ptr<grpc::ClientAsyncResponseReader<peer::EchoReply>> reader;
};

peer::EchoRequest MakeRequest()
{
    peer::EchoRequest request;
    request.set_text("thirty-two bytes of a small echo");
    request.set_number(42);
    return request;
}

void Send(peer::Echo::Stub *stub, grpc::CompletionQueue *queue)
{
    static const peer::EchoRequest request = MakeRequest();
    auto *call = new ClientCall;
    call->context.set_deadline(std::chrono::system_clock::now() + std::chrono::seconds(5));
    call->reader = stub->AsyncEcho(&call->context, request, queue);
    call->reader->Finish(&call->reply, &call->status, call);
}

double MeasureRate(peer::Echo::Stub *stub)
{
    grpc::CompletionQueue queue;
    for (int i = 0; i < kInFlight; i++)
        Send(stub, &queue);
    long count = 0;
    auto start = Clock::now() + kWarm, end = start + kRun;
    void *tag;
    bool ok;
    while (queue.Next(&tag, &ok)) {
        auto *call = static_cast<ClientCall *>(tag);
        if (!ok || !call->status.ok()) return 0;
        delete call;
        auto now = Clock::now();
        if (now >= end) break;
        if (now >= start) count++;
        Send(stub, &queue);
    }
    return static_cast<double>(count) / std::chrono::duration<double>(kRun).count();
}

double MeasureSingle(peer::Echo::Stub *stub)
{
    const peer::EchoRequest request = MakeRequest();
    std::vector<double> samples;
    for (int i = 0; i < kSingleCalls; i++) {
        grpc::ClientContext context;
        peer::EchoReply reply;
        auto start = Clock::now();
        if (!stub->Echo(&context, request, &reply).ok()) return 0;
        samples.push_back(std::chrono::duration<double, std::micro>(Clock::now() - start).count());
    }
    std::nth_element(samples.begin(), samples.begin() + kSingleCalls / 2, samples.end());
    return samples[kSingleCalls / 2];
}
} // namespace

int main()
{
    std::string path = "/tmp/florin-grpc-echo-" + std::to_string(getpid());
    std::string address = "unix:" + path;
    pid_t server = fork(); // Before gRPC has made a thread.
    if (server == 0) Serve(address);
    auto channel = grpc::CreateChannel(address, grpc::InsecureChannelCredentials());
    int result = 1;
    if (channel->WaitForConnected(std::chrono::system_clock::now() + std::chrono::seconds(10))) {
        auto stub = peer::Echo::NewStub(channel);
        double single_us = MeasureSingle(stub.get());
        double rate = MeasureRate(stub.get());
        std::printf("%.0f %.1f\n", rate, single_us);
        result = rate > 0 ? 0 : 1;
    }
    std::fflush(stdout);
    kill(server, SIGKILL);
    waitpid(server, nullptr, 0);
    unlink(path.c_str());
    _exit(result); // What is still in flight needs no orderly end.
}
