"""stream_browser.py CHROMIUM PORT URL TOKEN COUNT

Serves stream_page.html at PORT, which is another origin than the gateway's, and has a headless
Chromium follow the event stream from there: it hangs up three times and comes back with the last id.
Ends with 0 when it got COUNT events or more, each once, one behind the other.
"""
import http.server
import json
import os
import queue
import shutil
import subprocess
import sys
import tempfile
import threading
import urllib.parse

WAIT_S = 120
FLAGS = [
    "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run",
    "--disable-background-networking", "--disable-extensions", "--disable-sync",
]


def serve(port, results):
    page = os.path.join(os.path.dirname(os.path.abspath(__file__)), "stream_page.html")

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            is_page = self.path.startswith("/?")
            body = open(page, "rb").read() if is_page else b""
            self.send_response(200 if is_page else 404)
            self.send_header("Content-Type", "text/html; charset=utf-8")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def do_POST(self):
            results.put(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(204)
            self.end_headers()

        def log_message(self, *unused):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", port), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()


def main():
    chromium, port, url, token, count = sys.argv[1:]
    results = queue.Queue()
    serve(int(port), results)
    query = urllib.parse.urlencode({"url": url, "token": token, "count": count})
    profile = tempfile.mkdtemp(prefix="florin-browser-")
    browser = subprocess.Popen(
        [chromium, *FLAGS, "--user-data-dir=" + profile, f"http://127.0.0.1:{port}/?{query}"],
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        result = results.get(timeout=WAIT_S)
    except queue.Empty:
        result = {"error": f"nothing was heard of the page for {WAIT_S} s"}
    finally:
        browser.terminate()
        browser.wait()
        shutil.rmtree(profile, ignore_errors=True)
    print("browser:", json.dumps(result))
    is_good = (result.get("events", 0) >= int(count) and result["gaps"] == []
               and result["connections"] >= 2 and result["types"] > 1)
    return 0 if is_good else 1


if __name__ == "__main__":
    sys.exit(main())
