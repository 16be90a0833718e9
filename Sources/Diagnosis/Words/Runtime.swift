import Events
import Language

/// A program whose settings are known, recognised by its executable and its command line.
struct Runtime: Sendable {
  let name: String
  /// Names of the executable; a version may follow.
  let executables: [String]
  /// A word of the command line that must be there: a script, a module, a class, an archive.
  var words: [String] = []
  /// How its clients keep connections open.
  var asClient: Text?
  /// How its servers let clients keep them open.
  var asServer: Text?
  /// How its pools notice that the server has closed.
  var asPool: Text?
  /// It makes connections for a living.
  var isLoadGenerator = false
  /// Where its settings stand: the program's own manual.
  let source: String

  /// The first that fits is meant: what needs a word stands before what needs none.
  static let all: [Runtime] =
    [
      Runtime(
        name: "nginx", executables: ["nginx", "openresty"],
        asClient: """
          in the upstream block "keepalive 32;", and with it "proxy_http_version 1.1;" and \
          "proxy_set_header Connection \"\";" (from nginx 1.29.7 on both are the default); for FastCGI \
          "fastcgi_keep_conn on;"
          """,
        asServer:
          "\"keepalive_timeout\" above 0 and longer than clients are idle, \"keepalive_requests\" high enough",
        asPool: "\"keepalive_timeout\" in the upstream block, shorter than that of the server behind it",
        source: "nginx.org, ngx_http_upstream_module and ngx_http_core_module"),
      Runtime(
        name: "HAProxy", executables: ["haproxy"],
        asClient: """
          "option http-keep-alive" and "http-reuse safe" in the backend; remove "option httpclose" and \
          "option http-server-close"
          """,
        asServer:
          "\"option http-keep-alive\" rather than \"option httpclose\"; \"timeout http-keep-alive\" longer",
        asPool: "\"pool-purge-delay\" shorter than the server's idle time",
        source: "HAProxy configuration manual"),
      Runtime(
        name: "Apache httpd", executables: ["apache2", "httpd"],
        asClient: "ProxyPass without \"disablereuse=On\", and no \"SetEnv proxy-nokeepalive\"",
        asServer:
          "\"KeepAlive On\", \"KeepAliveTimeout\" longer than clients are idle, \"MaxKeepAliveRequests\" high enough",
        asPool: "ProxyPass \"ttl=\" shorter than the server's idle time",
        source: "httpd.apache.org, core and mod_proxy"),
      Runtime(
        name: "PHP-FPM", executables: ["php-fpm"],
        asClient: """
          within a request use one curl handle for all; across requests curl_share_init_persistent() (PHP 8.5), \
          PDO::ATTR_PERSISTENT, pconnect() of Redis
          """,
        asServer:
          "in the web server in front of it: nginx \"fastcgi_keep_conn on;\" with \"keepalive\" in the upstream block",
        asPool:
          "persistent connections are tested before use by PDO and mysqli; set a timeout below the server's",
        source: "PHP manual; nginx.org, ngx_http_fastcgi_module"),
      Runtime(
        name: "PHP", executables: ["php", "php-cgi"],
        asClient: """
          within a request use one curl handle for all; across requests PDO::ATTR_PERSISTENT, pconnect() of Redis; or a \
          local proxy that keeps connections open
          """, source: "PHP manual"),
      Runtime(
        name: "gunicorn", executables: ["python", "gunicorn"], words: ["gunicorn"],
        asClient: requestsAdvice,
        asServer: """
          sync workers close after each answer: --worker-class gthread (or gevent) with --keep-alive longer than \
          clients are idle
          """, asPool: pythonPool, source: "docs.gunicorn.org, Settings; requests, Advanced Usage"),
      Runtime(
        name: "uvicorn", executables: ["python", "uvicorn"], words: ["uvicorn"],
        asClient: "one httpx.AsyncClient() or aiohttp.ClientSession() for all requests",
        asServer: "--timeout-keep-alive (5 s if not given) longer than clients are idle",
        asPool: pythonPool, source: "uvicorn.org, Settings; docs.aiohttp.org"),
      Runtime(
        name: "uWSGI", executables: ["uwsgi"], asClient: requestsAdvice,
        asServer: "--http-keepalive, or a web server in front that keeps its clients' connections",
        asPool: pythonPool, source: "uwsgi-docs.readthedocs.io"),
      Runtime(
        name: "Locust", executables: ["python"], words: ["locust"], isLoadGenerator: true,
        source: "docs.locust.io"),
      Runtime(
        name: "Python", executables: ["python", "pypy"],
        asClient: requestsAdvice + "; with aiohttp one ClientSession, with urllib3 one PoolManager",
        asServer:
          "serve HTTP/1.1: http.server closes after each answer unless protocol_version is \"HTTP/1.1\"",
        asPool: pythonPool,
        source: "requests, Advanced Usage; urllib3; docs.aiohttp.org; docs.python.org, http.server"),
      Runtime(
        name: "Node.js", executables: ["node", "nodejs"],
        asClient: """
          new http.Agent({ keepAlive: true }), made once and passed to each request (the global agent does it from \
          Node.js 19 on)
          """, asServer: "server.keepAliveTimeout longer than clients are idle",
        asPool:
          "http.Agent with \"timeout\" shorter than the server's; for databases idleTimeoutMillis of the pool",
        source: "nodejs.org, http.Agent and http.Server"),
      Runtime(
        name: "Java", executables: ["java"],
        asClient: """
          one HttpClient for all requests; with HttpURLConnection read each answer to its end and do not call \
          disconnect(), -Dhttp.maxConnections=N (5 if not given); for databases a pool
          """, asServer: "keep-alive of the connector: its time longer than clients are idle",
        asPool: """
          -Djdk.httpclient.keepalive.timeout=N below the server's; for a JDBC pool maxLifetime (HikariCP) or \
          minEvictableIdleTime with testOnBorrow (DBCP) below the server's idle time
          """,
        source:
          "docs.oracle.com, Networking Properties and java.net.http; HikariCP README; commons.apache.org/dbcp"),
      Runtime(
        name: "pgbouncer", executables: ["pgbouncer"],
        asClient:
          "pool_mode and default_pool_size so that server connections are used again; server_lifetime longer",
        asServer: "clients close: client_idle_timeout ends only those that are idle",
        asPool: "server_idle_timeout below what the server or a firewall allows",
        source: "pgbouncer.org, config"),
      Runtime(
        name: "Redis", executables: ["redis-server", "valkey-server"],
        asServer:
          "\"timeout 0\" in redis.conf: it closes no idle client; clients keep one connection or a pool",
        source: "redis.io, Client handling"),
      Runtime(
        name: "PostgreSQL", executables: ["postgres", "postgresql"],
        asServer: "a pool at the client, or pgbouncer: each connection is a process",
        source: "postgresql.org, Connections"),
      Runtime(
        name: "MySQL", executables: ["mysqld", "mariadbd"],
        asServer: "wait_timeout longer than clients are idle; a pool at the client",
        source: "dev.mysql.com, Server System Variables"),
      Runtime(
        name: "memcached", executables: ["memcached"],
        asServer: "-o idle_timeout is off by default; clients keep their connections",
        source: "memcached.org, wiki"),
      Runtime(
        name: "curl", executables: ["curl"],
        asClient:
          "give one curl all URLs (curl URL1 URL2, -K file, --parallel): within a run it uses connections again",
        source: "curl.se, man page"),
      Runtime(
        name: "a database client", executables: ["psql", "mysql", "redis-cli", "mariadb"],
        asClient: "many commands in one run (psql -f, redis-cli with a pipe) rather than a run for each",
        source: "the program's man page"),
    ]
    + [
      "ab", "wrk", "wrk2", "hey", "k6", "siege", "h2load", "vegeta", "redis-benchmark", "pgbench",
      "memtier_benchmark",
    ]
    .map { Runtime(name: $0, executables: [$0], isLoadGenerator: true, source: "the program's manual") }

  /// Recognised by what its linker wrote into it: a Go program has the name that its author gave it.
  static let go = Runtime(
    name: "Go", executables: [],
    asClient: """
      read each response body to its end and close it; one http.Client, and one Transport with MaxIdleConnsPerHost (2 \
      if not given) as high as there are requests at a time
      """, asServer: "http.Server.IdleTimeout longer than clients are idle",
    asPool: "Transport.IdleConnTimeout below the server's; for database/sql SetConnMaxIdleTime",
    source: "pkg.go.dev, net/http and database/sql")

  private static let requestsAdvice: Text = """
    one requests.Session() for all requests instead of requests.get(), with session.mount("https://", \
    HTTPAdapter(pool_maxsize=N)), N the number of threads (10 if not given)
    """
  private static let pythonPool: Text = """
    close the requests.Session, or make a new one, after an idle time below the server's; aiohttp: \
    TCPConnector(keepalive_timeout=N); SQLAlchemy: pool_recycle and pool_pre_ping=True
    """

  /// - Parameter commandLine: nil where it is not known: then only what needs no word of it fits.
  static func named(_ executable: String, _ commandLine: [String]?) -> Runtime? {
    let words = Set((commandLine ?? []).prefix(16).map { $0.split(separator: "/").last.map(String.init) ?? $0 })
    return all.first { runtime in
      let isExecutable = runtime.executables.contains { name in
        executable.hasPrefix(name)
          && (executable.dropFirst(name.count).first.map { $0.isNumber || $0 == "." } ?? true)
      }
      return isExecutable
        && (runtime.words.isEmpty || runtime.words.contains(executable)
          || !words.isDisjoint(with: runtime.words))
    }
  }

  static func of(_ program: Program?) -> Runtime? {
    guard let program else { return nil }
    if let executable = program.executable, let known = named(executable, program.commandLine) { return known }
    return program.isGo ? go : nil
  }

  /// What to set in the programs that these connections are of.
  static func advice(for flows: [Flow]) -> [Text] {
    var advice: [Text] = []
    for flow in flows.sorted(by: { $0.count > $1.count }) {
      guard let runtime = of(flow.program) else { continue }
      let text: Text? =
        if runtime.isLoadGenerator {
          "\(runtime.name) is a load generator: it opens connections for a living, and this is what it measures"
        } else {
          (flow.role == .server ? runtime.asServer : runtime.asClient).map { "\(runtime.name): \($0)" }
        }
      if let text, !advice.contains(text) { advice.append(text) }
    }
    return advice
  }
}

/// What a process runs.
public struct Program: Sendable, Equatable {
  /// Last part of the path of its executable; nil if it is not known.
  public var executable: String?
  public var commandLine: [String]?
  public var isGo: Bool

  public init(executable: String?, commandLine: [String]? = nil, isGo: Bool = false) {
    self.executable = executable
    self.commandLine = commandLine
    self.isGo = isGo
  }
}

extension Flow {
  /// Who caused TIME_WAITs, most first, with how many.
  static func actors(_ flows: [Flow]) -> [Finding.Actor] {
    most(flows, by: \.count).map { some in
      let times = counted(some.elements.map(\.count).reduce(0, +), "TIME_WAIT")
      return some.actor(
        some.elements[0].role == .server ? "\(times) as the server" : "\(times) as the client")
    }
  }

  /// Who opens connections to one service, most first, with how many and for how long each is used.
  static func openers(_ flows: [Flow], _ facts: Facts) -> [Finding.Actor] {
    most(flows, by: \.opened).map { some in
      let flows = some.elements
      let (opened, ended) = (flows.map(\.opened).reduce(0, +), flows.map(\.count).reduce(0, +))
      let rates: Text = facts.perSecond(opened).map { "opens \(connections($0))" } ?? "opened \(text(opened))"
      let service = "\(flows[0].service.address.text(flows[0].family)):\(flows[0].service.port)"
      let use: Text = meanUse(flows).map { ", each used for \(milliseconds($0))" } ?? ""
      let first: Text = ended == 0 ? "; the other end closes first" : ""
      return some.actor("\(rates) to \(service)" + use + first)
    }
  }

  private static func connections(_ perSecond: Double) -> Text {
    let number = perSecond < 10 ? "\((perSecond * 10).rounded() / 10)" : text(Int(perSecond.rounded()))
    return "\(number) connections a second"
  }

  /// From connect() until one end closed, in milliseconds; nil: none of them was seen to end.
  static func meanUse(_ flows: [Flow]) -> Double? {
    let uses = flows.map(\.uses).reduce(0, +)
    return uses > 0 ? Double(flows.map(\.usedNanoseconds).reduce(0, +)) / Double(uses) / 1e6 : nil
  }

  /// By process, most first. One process may use several local addresses; what it acted in last makes no other process of it.
  private static func most(_ flows: [Flow], by count: (Flow) -> Int) -> [Gathered<Flow>] {
    Array(flows.gathered(by: \.process).most { $0.elements.map(count).reduce(0, +) }.prefix(shownActors))
  }

  /// A choice: the rest is in `tcplinger trace`.
  private static let shownActors = 5
}
