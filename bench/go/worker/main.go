// A worker for peers that use one plain call per stream: what the scripted engine does with `stamp`, at little cost, so
// that what is measured is the peer in front.
//
//	worker PORT
package main

import (
	"log"
	"net"
	"os"
	"runtime/debug"
	"strconv"
	"time"

	pb "bench/inferencepb"
	"golang.org/x/sys/unix"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// Tokens due within the same tick leave together, of all streams, as from the scripted engine: one write for many.
const tick = int64(time.Millisecond)

type worker struct {
	pb.UnimplementedAIAgentServiceServer
}

// GenerateTextStream sends one token per chunk, token i at begin + i periods, however late the one before was.
func (*worker) GenerateTextStream(request *pb.GenerateRequest, stream pb.AIAgentService_GenerateTextStreamServer) error {
	options := request.GetEngineOptions()
	tokens, err := strconv.ParseUint(options["tokens"], 10, 32)
	rate, rateErr := strconv.ParseFloat(options["tokens_per_second"], 64)
	if err != nil || rateErr != nil || rate <= 0 || options["stamp"] != "true" {
		return status.Error(codes.InvalidArgument, "engine_options need tokens, tokens_per_second and stamp=true")
	}
	begin := monotonicNs()
	chunk := &pb.StreamChunk{GenerationId: "go-" + strconv.FormatInt(begin, 36)}
	for i := uint64(0); i < tokens; i++ {
		made := waitUntil(begin + int64(float64(i)*1e9/rate))
		chunk.Delta = " t" + strconv.FormatInt(made, 10)
		chunk.NextIndex = i + 1
		if err := stream.Send(chunk); err != nil {
			return err // the peer has left
		}
		chunk.GenerationId = "" // on the first chunk only
	}
	return stream.Send(&pb.StreamChunk{
		IsFinal:      true,
		NextIndex:    tokens,
		FinishReason: "stop",
		Usage:        &pb.Usage{PromptTokens: 1, CompletionTokens: uint32(tokens)},
	})
}

// Returns the time then: at once if it is due, else on the next tick.
func waitUntil(dueNs int64) int64 {
	now := monotonicNs()
	if now >= dueNs {
		return now
	}
	time.Sleep(time.Duration((dueNs+tick-1)/tick*tick - now))
	return monotonicNs()
}

// The clock that the load client reads. time.Time's monotonic reading begins with the process.
func monotonicNs() int64 {
	var now unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_MONOTONIC, &now); err != nil {
		log.Fatal(err)
	}
	return now.Nano()
}

func main() {
	if len(os.Args) != 2 {
		log.Fatal("usage: worker PORT")
	}
	listener, err := net.Listen("tcp", net.JoinHostPort("127.0.0.1", os.Args[1]))
	if err != nil {
		log.Fatal(err)
	}
	debug.SetGCPercent(400) // all it holds is a few megabytes: what collecting them often costs, the peer can use
	server := grpc.NewServer()
	pb.RegisterAIAgentServiceServer(server, &worker{})
	log.Fatal(server.Serve(listener))
}
