extension Catalogue {
  /// Advice for programs that are recognised.
  static let programs: [String: String] = [
    "\"option http-keep-alive\" and \"http-reuse safe\" in the backend; remove \"option httpclose\" and \"option http-server-close\"":
      "在 backend 中设置 \"option http-keep-alive\" 和 \"http-reuse safe\"；去掉 \"option httpclose\" 和 \"option http-server-close\"",
    "Apache httpd": "Apache httpd",
    "within a request use one curl handle for all; across requests curl_share_init_persistent() (PHP 8.5), PDO::ATTR_PERSISTENT, pconnect() of Redis":
      "同一请求内共用一个 curl 句柄；跨请求用 curl_share_init_persistent()（PHP 8.5）、PDO::ATTR_PERSISTENT、Redis 的 pconnect()",
    "persistent connections are tested before use by PDO and mysqli; set a timeout below the server's":
      "PDO 和 mysqli 使用持久连接前会先检测其是否可用；把超时设得短于服务器的超时",
    "within a request use one curl handle for all; across requests PDO::ATTR_PERSISTENT, pconnect() of Redis; or a local proxy that keeps connections open":
      "同一请求内共用一个 curl 句柄；跨请求用 PDO::ATTR_PERSISTENT、Redis 的 pconnect()；或用本地代理保持连接",
    "sync workers close after each answer: --worker-class gthread (or gevent) with --keep-alive longer than clients are idle":
      "sync worker 每次响应后都会关闭连接：改用 --worker-class gthread（或 gevent），且 --keep-alive 长于客户端的空闲时间",
    "one httpx.AsyncClient() or aiohttp.ClientSession() for all requests":
      "所有请求共用一个 httpx.AsyncClient() 或 aiohttp.ClientSession()",
    "--timeout-keep-alive (5 s if not given) longer than clients are idle":
      "--timeout-keep-alive（默认 5 秒）长于客户端的空闲时间",
    "--http-keepalive, or a web server in front that keeps its clients' connections":
      "--http-keepalive，或在前面加一个 Web 服务器来保持客户端连接",
    "; with aiohttp one ClientSession, with urllib3 one PoolManager":
      "；aiohttp 用一个 ClientSession，urllib3 用一个 PoolManager",
    "new http.Agent({ keepAlive: true }), made once and passed to each request (the global agent does it from Node.js 19 on)":
      "new http.Agent({ keepAlive: true })，只创建一次并传给每个请求（Node.js 19 起全局 agent 默认如此）",
    "server.keepAliveTimeout longer than clients are idle": "server.keepAliveTimeout 长于客户端的空闲时间",
    "one HttpClient for all requests; with HttpURLConnection read each answer to its end and do not call disconnect(), -Dhttp.maxConnections=N (5 if not given); for databases a pool":
      "所有请求共用一个 HttpClient；用 HttpURLConnection 时把每个响应读完，且不要调用 disconnect()，并设置 -Dhttp.maxConnections=N（默认 5）；数据库用连接池",
    "keep-alive of the connector: its time longer than clients are idle":
      "connector 的 keep-alive：其超时长于客户端的空闲时间",
    "-Djdk.httpclient.keepalive.timeout=N below the server's; for a JDBC pool maxLifetime (HikariCP) or minEvictableIdleTime with testOnBorrow (DBCP) below the server's idle time":
      "-Djdk.httpclient.keepalive.timeout=N 短于服务器的超时；JDBC 连接池的 maxLifetime (HikariCP)，或 minEvictableIdleTime 加 testOnBorrow (DBCP)，短于服务器的空闲超时",
    "pool_mode and default_pool_size so that server connections are used again; server_lifetime longer":
      "调整 pool_mode 和 default_pool_size，使服务端连接得到复用；调大 server_lifetime",
    "clients close: client_idle_timeout ends only those that are idle":
      "是客户端在关闭：client_idle_timeout 只结束空闲的连接",
    "server_idle_timeout below what the server or a firewall allows":
      "server_idle_timeout 短于服务器或防火墙允许的时间",
    "a pool at the client, or pgbouncer: each connection is a process":
      "在客户端用连接池，或用 pgbouncer：每个连接都对应一个进程",
    "wait_timeout longer than clients are idle; a pool at the client":
      "wait_timeout 长于客户端的空闲时间；在客户端用连接池",
    "-o idle_timeout is off by default; clients keep their connections":
      "-o idle_timeout 默认关闭；由客户端保持连接",
    "give one curl all URLs (curl URL1 URL2, -K file, --parallel): within a run it uses connections again":
      "把所有 URL 交给一个 curl（curl URL1 URL2、-K file、--parallel）：同一次运行内会复用连接",
    "a database client": "数据库客户端",
    "many commands in one run (psql -f, redis-cli with a pipe) rather than a run for each":
      "一次运行执行多条命令（psql -f，通过管道用 redis-cli），不要每条命令运行一次",
    "read each response body to its end and close it; one http.Client, and one Transport with MaxIdleConnsPerHost (2 if not given) as high as there are requests at a time":
      "把每个响应体读完并关闭；共用一个 http.Client 和一个 Transport，MaxIdleConnsPerHost（默认 2）不小于并发请求数",
    "http.Server.IdleTimeout longer than clients are idle": "http.Server.IdleTimeout 长于客户端的空闲时间",
    "Transport.IdleConnTimeout below the server's; for database/sql SetConnMaxIdleTime":
      "Transport.IdleConnTimeout 短于服务器的超时；database/sql 用 SetConnMaxIdleTime",
    "one requests.Session() for all requests instead of requests.get(), with session.mount(\"https://\", HTTPAdapter(pool_maxsize=N)), N the number of threads (10 if not given)":
      "所有请求共用一个 requests.Session()，不要用 requests.get()，并设置 session.mount(\"https://\", HTTPAdapter(pool_maxsize=N))，N 为线程数（默认 10）",
    "close the requests.Session, or make a new one, after an idle time below the server's; aiohttp: TCPConnector(keepalive_timeout=N); SQLAlchemy: pool_recycle and pool_pre_ping=True":
      "空闲时间达到服务器超时之前，关闭 requests.Session 或新建一个；aiohttp：TCPConnector(keepalive_timeout=N)；SQLAlchemy：pool_recycle 和 pool_pre_ping=True",
    "{0} is a load generator: it opens connections for a living, and this is what it measures":
      "{0} 是压测工具：它的工作就是不断建连接，测的正是这个",
    "{0} as the server": "{0} 作为服务端",
    "{0} as the client": "{0} 作为客户端",
    ", each used for {0}": "，每个使用 {0}",
    "; the other end closes first": "；由另一端主动关闭",
    "the rest": "其余",
  ]
}
