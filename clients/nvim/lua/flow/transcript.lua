--- What an event of a run reads like. Pure: events in, lines out.
local M = {}

local FAILURES = {
  failed = "failed",
  timed_out = "timed out",
  cancelled = "cancelled",
  lost = "nobody knows how it ended",
}

local function ending(event)
  local words = {}
  if event.outcome ~= "succeeded" then
    table.insert(words, FAILURES[event.outcome] or event.outcome)
    if type(event.exit_code) == "number" then
      table.insert(words, "exit " .. event.exit_code)
    end
    if event.reason and event.reason ~= "" then
      table.insert(words, event.reason)
    end
  end
  table.insert(words, ("%.2fs"):format((event.duration_ms or 0) / 1000))
  return table.concat(words, ", ")
end

local function mark(event)
  return event.outcome == "succeeded" and "✓" or "✗"
end

local function again(event)
  return event.attempt > 1 and ("  attempt %d"):format(event.attempt) or ""
end

local TELL = {
  run_started = function(event)
    return ("%s  %s  in %s"):format(event.name, event.run, event.cwd)
  end,
  step_started = function(event)
    return ("● %s%s"):format(event.step, again(event))
  end,
  step_expanded = function(event)
    return ("  %s  %d items"):format(event.step, #(event.items or {}))
  end,
  files_saved = function(event)
    if (event.files or 0) > 0 then
      return ("  %s  %d files kept, so that it can be undone"):format(event.step, event.files)
    end
    return ("  %s  cannot be undone: %s"):format(event.step, event.reason)
  end,
  artifacts_kept = function(event)
    local why = (event.reason or "") ~= "" and ("  (" .. event.reason .. ")") or ""
    local count = type(event.files) == "table" and #event.files or 0
    return ("  %s  %d files kept with the run%s"):format(event.step, count, why)
  end,
  step_finished = function(event)
    return ("%s %s  %s"):format(mark(event), event.step, ending(event))
  end,
  attempt_withdrawn = function(event)
    return ("– %s  attempt %d did not begin after all"):format(event.step, event.attempt)
  end,
  step_skipped = function(event)
    return ("– %s  skipped: %s"):format(event.step, event.reason)
  end,
  retry_scheduled = function(event)
    return ("↻ %s  again in %.1fs"):format(event.step, event.delay_ms / 1000)
  end,
  question_asked = function(event)
    return ("? %s  %s  (:Flow answer)"):format(event.step, event.question)
  end,
  question_answered = function(event)
    return ("? %s  answered: %s"):format(event.step, event.answer)
  end,
  check_started = function(event)
    return ("? %s  did it happen?"):format(event.step)
  end,
  check_finished = function(event)
    local code, says = event.exit_code, "it did not"
    if event.outcome == "succeeded" then
      says = "it did"
    elseif event.outcome ~= "failed" or type(code) ~= "number" or code == 126 or code == 127 then
      says = "its check could not tell"
    end
    return ("? %s  %s"):format(event.step, says)
  end,
  cancel_requested = function()
    return "■ cancelling"
  end,
  retry_requested = function()
    return "↻ going on from where it stopped"
  end,
  rollback_started = function(event)
    return "↺ undoing: " .. table.concat(event.steps, ", ")
  end,
  compensation_started = function(event)
    return ("↺ %s%s"):format(event.step, again(event))
  end,
  compensation_finished = function(event)
    return ("%s undo %s  %s"):format(mark(event), event.step, ending(event))
  end,
  run_parked = function(event)
    return "! " .. event.reason .. "  (flowctl resume " .. event.run .. ")"
  end,
  run_resumed = function()
    return "● resumed"
  end,
  run_finished = function(event)
    return "■ " .. event.state
  end,
}

--- Text as a terminal would leave it standing: no escape sequences, no line drawn over.
local function plain(text)
  text = text:gsub("\27%[[0-9;:?]*[ -/]*[@-~]", ""):gsub("\27%][^\7\27]*[\7\27]\\?", "")
  text = text:gsub("\r$", ""):gsub("^.*\r", "")
  return (text:gsub("[%z\1-\8\11-\31]", "�"))
end

--- Lines of a piece of output. `unfinished` keeps, by step and stream, the line not yet ended.
local function output(event, unfinished)
  local key = event.step .. "\0" .. event.stream
  local pieces = vim.split((unfinished[key] or "") .. event.text, "\n", { plain = true })
  unfinished[key] = table.remove(pieces)
  local lines = {}
  if (event.skipped or 0) > 0 then
    table.insert(lines, ("%s │ … %d bytes left out"):format(event.step, event.skipped))
  end
  for _, piece in ipairs(pieces) do
    table.insert(lines, event.step .. " │ " .. plain(piece))
  end
  return lines
end

--- Take what a step left standing without a newline.
local function rest(step, unfinished)
  local lines = {}
  for _, stream in ipairs({ "stdout", "stderr" }) do
    local key = step .. "\0" .. stream
    if (unfinished[key] or "") ~= "" then
      table.insert(lines, step .. " │ " .. plain(unfinished[key]))
    end
    unfinished[key] = nil
  end
  return lines
end

--- Lines to add for an event; none for a type this version does not know.
---@param event table
---@param unfinished table<string, string> The lines of output not yet ended: changed by this call.
---@return string[]
function M.lines(event, unfinished)
  if event.type == "step_output" then
    return output(event, unfinished)
  end
  local tell = TELL[event.type]
  if not tell then
    return {}
  end
  local lines = event.step and rest(event.step, unfinished) or {}
  table.insert(lines, (tell(event):gsub("[\r\n]+", " ")))
  return lines
end

return M
