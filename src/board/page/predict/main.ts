import { h, render } from 'preact'
import '../style/base.css'
import '../style/run.css'
import '../viewer/viewer.css'
import './predict.css'
import { loadScanView } from '../viewer/viewer.ts'
import { PredictPage } from './predict_page.ts'

render(h(PredictPage, {}), document.getElementById('predict')!)

// what the result needs is here before the network may be gone; without it, the result says so
loadScanView().catch(() => undefined)
