package sluice

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/signal"
	"strconv"
	"strings"
	"syscall"
	"time"
)

const (
	idleTime  = 70 * time.Second // the gateway gives a connection up after 60 s: it is to be the first
	wholeTime = 30 * time.Second // a request must arrive within this
)

type options struct {
	listen, portFile, address, feature string
	concurrency                        int
	maxBody                            int64
	grace                              float64
	register                           bool
}

func env(name, otherwise string) string {
	if value := os.Getenv(name); value != "" {
		return value
	}
	return otherwise
}

// readOptions takes each from its argument, its environment variable, or its default.
func (a *App) readOptions(args []string) (*options, error) {
	if a.Concurrency == 0 {
		a.Concurrency = 64
	}
	if a.MaxBody == 0 {
		a.MaxBody = 4 << 20
	}
	o := &options{}
	flags := flag.NewFlagSet(a.Name, flag.ContinueOnError)
	flags.Usage = func() {
		fmt.Fprintf(flags.Output(), "usage: %s [options]\n%s\n", a.Name, a.Description)
		flags.PrintDefaults()
		fmt.Fprintln(flags.Output(), "PLUGIN_SIGNING_KEY holds the signing keys; SLUICE_SERVER and SLUICE_TOKEN tell where to register.")
	}
	concurrency, err1 := strconv.Atoi(env("PLUGIN_CONCURRENCY", strconv.Itoa(a.Concurrency)))
	maxBody, err2 := strconv.ParseInt(env("PLUGIN_MAX_BODY", strconv.FormatInt(a.MaxBody, 10)), 10, 64)
	grace, err3 := strconv.ParseFloat(env("PLUGIN_GRACE", "10"), 64)
	flags.StringVar(&o.listen, "listen", env("PLUGIN_LISTEN", "127.0.0.1:9000"), "`HOST:PORT` to serve on; port 0 takes a free one")
	flags.StringVar(&o.portFile, "port-file", "", "`FILE` that the port is written into once it is open")
	flags.IntVar(&o.concurrency, "concurrency", concurrency, "calls at once; more are told to come again")
	flags.Int64Var(&o.maxBody, "max-body", maxBody, "`bytes` of the largest body that is read")
	flags.Float64Var(&o.grace, "grace", grace, "`seconds` that calls in progress may take at the end")
	flags.BoolVar(&o.register, "register", os.Getenv("PLUGIN_REGISTER") == "1", "register the feature with the gateway at start")
	flags.StringVar(&o.address, "address", os.Getenv("PLUGIN_ADDRESS"), "`URL` at which the gateway reaches this service")
	flags.StringVar(&o.feature, "feature", "", "`FILE` of a feature to register; {address} in it stands for the address")
	if err := flags.Parse(args); err != nil {
		return nil, err
	}
	for _, err := range []error{err1, err2, err3} {
		if err != nil {
			return nil, err
		}
	}
	if host, port, err := net.SplitHostPort(o.listen); err != nil || host == "" || port == "" {
		return nil, fmt.Errorf("%s: must be HOST:PORT, as 127.0.0.1:9000", o.listen)
	}
	return o, nil
}

// writePort leaves the file whole or not at all: whoever waits for it reads a complete number.
func writePort(path string, port int) error {
	if err := os.WriteFile(path+".new", []byte(strconv.Itoa(port)+"\n"), 0o644); err != nil {
		return err
	}
	return os.Rename(path+".new", path)
}

func (a *App) startRegistering(ctx context.Context, o *options, address string) error {
	feature := a.Feature(address)
	if o.feature != "" {
		var err error
		if feature, err = FeatureFromFile(o.feature, address); err != nil {
			return err
		}
	}
	keys := strings.Fields(os.Getenv("PLUGIN_SIGNING_KEY"))
	if len(keys) > 0 && feature["signingKey"] == nil {
		feature["signingKey"] = keys[0]
	}
	go a.keepRegistering(ctx, env("SLUICE_SERVER", "http://127.0.0.1:8080"), os.Getenv("SLUICE_TOKEN"), feature)
	return nil
}

// listen opens the port and tells where it is.
func (a *App) listen(o *options) (net.Listener, string, error) {
	listener, err := net.Listen("tcp", o.listen)
	if err != nil {
		return nil, "", fmt.Errorf("%w; choose another place: --listen HOST:PORT (port 0 takes a free one)", err)
	}
	host, _, _ := net.SplitHostPort(o.listen)
	port := listener.Addr().(*net.TCPAddr).Port
	address := o.address
	if address == "" {
		address = "http://" + net.JoinHostPort(host, strconv.Itoa(port))
	}
	a.log(Entry{Msg: "listening", Address: address})
	if len(a.Keys) == 0 {
		a.log(Entry{Level: "warning", Msg: "signatures are not checked: PLUGIN_SIGNING_KEY is not set"})
	}
	if o.portFile != "" {
		err = writePort(o.portFile, port)
	}
	return listener, address, err
}

// serve answers until the context ends, then lets the calls in progress end.
func (a *App) serve(ctx context.Context, o *options) error {
	keys, err := ParseKeys(os.Getenv("PLUGIN_SIGNING_KEY"))
	if err != nil {
		return err
	}
	if len(keys) > 0 {
		a.Keys = keys
	}
	a.Concurrency, a.MaxBody = o.concurrency, o.maxBody
	listener, address, err := a.listen(o)
	if err != nil {
		return err
	}
	if o.register {
		if err := a.startRegistering(ctx, o, address); err != nil {
			return err
		}
	}
	server := &http.Server{Handler: a, ReadTimeout: wholeTime, IdleTimeout: idleTime}
	ended := make(chan error, 1)
	go func() { ended <- server.Serve(listener) }()
	select {
	case err := <-ended:
		return err
	case <-ctx.Done():
	}
	a.stopping.Store(true)
	last, end := context.WithTimeout(context.Background(), time.Duration(o.grace*float64(time.Second)))
	defer end()
	if server.Shutdown(last) != nil {
		a.log(Entry{Level: "warning", Msg: "ended", Error: "calls were still in progress"})
		return nil
	}
	a.log(Entry{Msg: "ended"})
	return nil
}

// Main is a whole program: it reads the options, serves until SIGTERM or SIGINT, and exits.
func (a *App) Main() {
	o, err := a.readOptions(os.Args[1:])
	if errors.Is(err, flag.ErrHelp) {
		os.Exit(0)
	}
	if err != nil {
		fmt.Fprintf(os.Stderr, "%s: %v\n", a.Name, err)
		os.Exit(2)
	}
	ctx, end := signal.NotifyContext(context.Background(), syscall.SIGTERM, os.Interrupt)
	defer end()
	a.behind.start(true)
	err = a.serve(ctx, o)
	a.behind.start(false)
	if err != nil {
		fmt.Fprintf(os.Stderr, "%s: %v\n", a.Name, err)
		os.Exit(1)
	}
}
